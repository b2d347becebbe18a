//! Renewing a session's tokens before they end: one at a time, over all processes.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::finish::renew_in;
use super::provider::Tokens;
use super::store::Id;
use super::{SignIn, SignInError};

/// Until a renewal is tried again that the provider did not answer.
const AGAIN: Duration = Duration::from_secs(5);
/// How long a request waits for another's renewal, where it cannot go on without.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(50);
const OVER: &str = "the provider does not renew the session";

impl SignIn {
    /// The session's tokens, new ones if they are to be had.
    pub(super) async fn renew(&self, id: Id, tokens: Tokens, subject: &str) -> Result<Tokens, SignInError> {
        let Some(sealed) = self.inner.store.may_renew(&id).await? else {
            return self.renewed_by_others(&id, tokens).await;
        };
        let current = self.inner.sealer.open(&sealed, &id).unwrap_or(tokens);
        let (this, subject) = (self.clone(), subject.to_owned());
        // By itself: a client that goes away must not take the answer along, as the old refresh token is used up.
        let work = tokio::spawn(async move { this.renew_now(&id, current, &subject).await });
        work.await
            .map_err(|_| SignInError::Internal("a renewal of tokens broke off"))?
    }

    async fn renew_now(&self, id: &Id, tokens: Tokens, subject: &str) -> Result<Tokens, SignInError> {
        let inner = &self.inner;
        let granted = match inner.provider.renew(&tokens).await {
            Ok(granted) => granted,
            Err(error) if error.is_over() => {
                self.end_one(id, OVER).await?;
                return Err(SignInError::Ended);
            }
            Err(error) => {
                tracing::warn!(%error, "a session's tokens could not be renewed");
                inner.store.renewed(id, None, Some(AGAIN)).await?;
                return Ok(tokens);
            }
        };
        let other = granted.subject.as_deref().is_some_and(|other| other != subject);
        let expires_at = match inner.verifier.verify(&granted.tokens.access).await {
            Ok(caller) if !other && caller.actor.subject == subject => caller.expires_at,
            _ => {
                self.end_one(id, "the provider renewed the session with other tokens")
                    .await?;
                return Err(SignInError::Ended);
            }
        };
        let sealed = inner.sealer.seal(&granted.tokens, id);
        let sealed = sealed.ok_or(SignInError::Internal("a session could not be sealed"))?;
        let renewable = granted.tokens.refresh.is_some();
        let wait = renewable.then(|| renew_in(granted.expires_in, expires_at));
        inner.store.renewed(id, Some(&sealed), wait).await?;
        metrics::counter!("opstella_sessions_renewed_total").increment(1);
        Ok(granted.tokens)
    }

    /// Somebody else is at it: the tokens at hand will do as long as they are good.
    async fn renewed_by_others(&self, id: &Id, tokens: Tokens) -> Result<Tokens, SignInError> {
        if self.inner.verifier.verify(&tokens.access).await.is_ok() {
            return Ok(tokens);
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let row = self.inner.store.find(id).await?.ok_or(SignInError::Ended)?;
            if !row.due {
                return self.inner.sealer.open(&row.sealed, id).ok_or(SignInError::Ended);
            }
            if Instant::now() >= deadline {
                return Err(SignInError::Later);
            }
            sleep(LOOK).await;
        }
    }
}
