//! The way of a browser back from the provider.

use std::time::{Duration, Instant};

use actix_web::cookie::Cookie;
use actix_web::{HttpMessage, HttpRequest};
use opstella_commands::CommandContext;
use opstella_domain::Subject;
use opstella_journal::Actor;

use super::attempt::Attempt;
use super::begin::now;
use super::secret::Secret;
use super::store::New;
use super::{SignIn, SignInError};
use crate::http::client_address;
use crate::http::observe::RequestIds;

/// Who acts where it is not known who.
pub(super) const NOBODY: &str = "system:sign-in";

/// What the browser brings back.
#[derive(Debug, Default)]
pub struct Returned {
    /// As we gave it.
    pub state: Option<String>,
    /// What the tokens are for.
    pub code: Option<String>,
    /// Who says so (RFC 9207).
    pub issuer: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
    /// The same in words.
    pub description: Option<String>,
}

/// A sign-in that is finished.
pub struct Finished {
    /// The new session's cookie, and the end of the sign-in's.
    pub cookies: [Cookie<'static>; 2],
    /// Where the browser goes.
    pub return_to: String,
}

impl SignIn {
    /// Finishes a sign-in, and records how it went.
    ///
    /// # Errors
    /// [`SignInError`].
    pub async fn finish(&self, request: &HttpRequest, returned: Returned) -> Result<Finished, SignInError> {
        let mut subject = None;
        let result = self.try_finish(request, returned, &mut subject).await;
        let outcome = if result.is_ok() { "ok" } else { "failed" };
        metrics::counter!("opstella_sign_ins_total", "outcome" => outcome).increment(1);
        if let Err(error) = &result
            && error.is_refusal()
        {
            let context = self.context(request, subject.as_ref());
            let client = &self.inner.client_id;
            self.inner
                .commands
                .record_failed_sign_in(&context, subject, client, &error.to_string());
        }
        result
    }

    async fn try_finish(
        &self,
        request: &HttpRequest,
        returned: Returned,
        subject: &mut Option<Subject>,
    ) -> Result<Finished, SignInError> {
        let inner = &self.inner;
        let state = returned.state.as_deref().and_then(Secret::parse);
        let state = state.ok_or(SignInError::UnknownState)?;
        let attempt = self.attempt(request, &state).await?;
        if returned
            .issuer
            .is_some_and(|issuer| issuer != inner.provider.issuer())
        {
            return Err(SignInError::WrongIssuer);
        }
        if let Some(error) = returned.error {
            let description = returned.description.map(|text| format!(": {text}"));
            return Err(SignInError::Refused(error + &description.unwrap_or_default()));
        }
        let code = returned
            .code
            .filter(|code| !code.is_empty())
            .ok_or(SignInError::NoCode)?;
        let asked = Instant::now();
        let granted = inner
            .provider
            .exchange(&code, attempt.verifier, attempt.nonce)
            .await?;
        let checked = inner.verifier.verify(&granted.tokens.access).await;
        let caller = checked.map_err(SignInError::AccessToken)?;
        let who = Subject::try_from(caller.actor.subject.clone()).map_err(|_| SignInError::OtherSubject)?;
        *subject = Some(who.clone());
        if granted.subject.as_deref() != Some(who.as_str()) {
            return Err(SignInError::OtherSubject);
        }
        // A new session has a new id; what the browser had before opens nothing any more.
        if let Some(before) = inner.cookies.session_of(request) {
            self.end_one(&before.digest(), "signed in anew").await?;
        }
        let id = Secret::random();
        let digest = id.digest();
        let sealed = inner.sealer.seal(&granted.tokens, &digest);
        let sealed = sealed.ok_or(SignInError::Internal("a session could not be sealed"))?;
        let mut context = caller.context(request);
        context.actor.address = client_address::of(request);
        // Nobody is signed in of whom there is no record.
        inner
            .commands
            .record_sign_in(&context, who.clone(), &inner.client_id)
            .await?;
        let renewable = granted.tokens.refresh.is_some();
        let begun = inner
            .store
            .insert(New {
                id: &digest,
                subject: who.as_str(),
                sid: granted.sid.as_deref(),
                sealed: &sealed,
                renew_in: renewable.then(|| renew_in(granted.expires_in, caller.expires_at)),
                asked,
            })
            .await?;
        if !begun {
            let reason = "signed out at the provider";
            inner
                .commands
                .record_sign_out(&context, who, &inner.client_id, reason)
                .await?;
            return Err(SignInError::EndedMeanwhile);
        }
        Ok(Finished {
            cookies: [inner.cookies.session(&id), inner.cookies.no_attempt(&state)],
            return_to: attempt.return_to,
        })
    }

    /// What this browser began, once.
    async fn attempt(&self, request: &HttpRequest, state: &Secret) -> Result<Attempt, SignInError> {
        let inner = &self.inner;
        let kept = inner.cookies.attempt_of(request, state);
        let attempt = kept.and_then(|kept| Attempt::open(&kept, &inner.sealer, state, now()));
        let attempt = attempt.ok_or(SignInError::UnknownState)?;
        if !inner.store.first_use(&state.digest()).await? {
            return Err(SignInError::UnknownState);
        }
        Ok(attempt)
    }

    /// The context of what happens to somebody, or to nobody that is known.
    pub(super) fn context(&self, request: &HttpRequest, subject: Option<&Subject>) -> CommandContext {
        let ids = request.extensions().get::<RequestIds>().cloned();
        let actor = match subject {
            Some(subject) => Actor::new(subject.as_str()),
            None => Actor::new(NOBODY),
        };
        CommandContext {
            actor: Actor {
                client: Some(self.inner.client_id.clone()),
                address: client_address::of(request),
                ..actor
            },
            correlation: ids
                .as_ref()
                .map_or_else(String::new, |ids| ids.correlation.clone()),
            traceparent: ids.and_then(|ids| ids.traceparent),
            ..CommandContext::default()
        }
    }
}

/// When to renew tokens: half a minute before they end, or, where they are short-lived, at half of their time.
pub(super) fn renew_in(expires_in: Option<Duration>, expires_at: u64) -> Duration {
    let left = expires_in
        .unwrap_or_else(|| Duration::from_secs(expires_at).saturating_sub(Duration::from_micros(now())));
    left.saturating_sub(Duration::from_secs(30)).max(left / 2)
}
