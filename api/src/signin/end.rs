//! The ends of a session.

use actix_web::HttpRequest;
use opstella_commands::CommandContext;
use opstella_domain::Subject;
use url::Url;
use uuid::Uuid;

use super::provider::Tokens;
use super::store::{Ended, Id};
use super::{Current, SignIn, SignInError};

impl SignIn {
    /// Signs out, by the user: the session ends here. Gives where the provider's session ends.
    ///
    /// # Errors
    /// [`SignInError`].
    pub async fn sign_out(&self, request: &HttpRequest, current: &Current) -> Result<Url, SignInError> {
        if let Some(ended) = self.inner.store.end(&current.id.digest()).await? {
            let context = current.caller.context(request);
            self.record(&context, &ended, "signed out").await;
        }
        Ok(self.provider_logout(current.tokens.id.as_deref()).await)
    }

    /// Ends whatever session the browser has. Gives where the provider's session ends.
    ///
    /// # Errors
    /// [`SignInError`].
    pub async fn clear(&self, request: &HttpRequest) -> Result<Url, SignInError> {
        let mut id_token = None;
        if let Some(id) = self.inner.cookies.session_of(request)
            && let Some(ended) = self.inner.store.end(&id.digest()).await?
        {
            let tokens = self.inner.sealer.open::<Tokens>(&ended.sealed, &ended.id);
            id_token = tokens.and_then(|tokens| tokens.id);
            let subject = Subject::try_from(ended.subject.clone()).ok();
            let context = self.context(request, subject.as_ref());
            self.record(&context, &ended, "cleared the browser's session")
                .await;
        }
        Ok(self.provider_logout(id_token.as_deref()).await)
    }

    /// Where the provider's session ends; where it has no such place or is away, where one would come back to.
    async fn provider_logout(&self, id_token: Option<&str>) -> Url {
        let provider = &self.inner.provider;
        match provider.end_session(id_token).await {
            Ok(Some(url)) => url,
            Ok(None) => provider.after_logout().clone(),
            Err(error) => {
                tracing::warn!(%error, "the provider's session is not ended");
                provider.after_logout().clone()
            }
        }
    }

    /// Ends one session by itself.
    pub(super) async fn end_one(&self, id: &Id, reason: &str) -> Result<(), SignInError> {
        if let Some(ended) = self.inner.store.end(id).await? {
            self.record(&by_itself(), &ended, reason).await;
        }
        Ok(())
    }

    /// Records the end. It has happened, whether or not that works.
    pub(super) async fn record(&self, context: &CommandContext, ended: &Ended, reason: &str) {
        metrics::counter!("opstella_sessions_ended_total").increment(1);
        let Ok(subject) = Subject::try_from(ended.subject.clone()) else {
            return;
        };
        let client = &self.inner.client_id;
        let recorded = self
            .inner
            .commands
            .record_sign_out(context, subject, client, reason)
            .await;
        if let Err(error) = recorded {
            tracing::warn!(%error, subject = ended.subject, reason, "the end of a session could not be recorded");
        }
    }
}

/// The context of what Opstella does by itself.
pub(super) fn by_itself() -> CommandContext {
    CommandContext::system("sessions", Uuid::now_v7().to_string())
}
