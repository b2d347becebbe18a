//! The ends of a session.

use std::time::Duration;

use actix_web::HttpRequest;
use opstella_domain::Subject;
use tokio::time::timeout;
use tracing::Instrument;
use url::Url;

use super::ending::Ending;
use super::provider::Tokens;
use super::secret::Secret;
use super::store::{Ended, Id};
use super::{SignIn, SignInError, csrf};

/// How long signing out waits for what the provider says of itself. The session has ended already.
const FAREWELL: Duration = Duration::from_secs(3);

impl SignIn {
    /// Signs out, by the user: the session ends here, whether or not the provider is there. Gives where the provider's
    /// session ends; `None` where the browser has no session's cookie.
    ///
    /// # Errors
    /// [`SignInError`].
    pub async fn sign_out(&self, request: &HttpRequest) -> Result<Option<Url>, SignInError> {
        let Some(id) = self.inner.cookies.session_of(request) else {
            return Ok(None);
        };
        let row = self.inner.store.find(&id.digest()).await?;
        row.ok_or(SignInError::Ended)?;
        csrf::check(request.headers(), &self.inner.public_url, &csrf::token(&id))?;
        let id_token = self.end_asked(request, &id, "signed out").await?;
        Ok(Some(self.provider_logout(id_token.as_deref()).await))
    }

    /// Ends whatever session the browser has. Gives where the provider's session ends.
    ///
    /// # Errors
    /// [`SignInError`].
    pub async fn clear(&self, request: &HttpRequest) -> Result<Url, SignInError> {
        let id_token = match self.inner.cookies.session_of(request) {
            Some(id) => {
                self.end_asked(request, &id, "cleared the browser's session")
                    .await?
            }
            None => None,
        };
        Ok(self.provider_logout(id_token.as_deref()).await)
    }

    /// Ends a session as its user asks. Gives its ID token.
    async fn end_asked(
        &self,
        request: &HttpRequest,
        id: &Secret,
        reason: &'static str,
    ) -> Result<Option<String>, SignInError> {
        let ending = Ending::asked(&self.context(request, None), reason);
        let ended = self.end(id.digest(), ending).await?;
        let tokens = ended.and_then(|ended| self.inner.sealer.open::<Tokens>(&ended.sealed, &ended.id));
        Ok(tokens.and_then(|tokens| tokens.id))
    }

    /// Where the provider's session ends; where it has no such place or is away, where one would come back to.
    async fn provider_logout(&self, id_token: Option<&str>) -> Url {
        let provider = &self.inner.provider;
        match timeout(FAREWELL, provider.end_session(id_token)).await {
            Ok(Ok(Some(url))) => return url,
            Ok(Ok(None)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the provider's session is not ended"),
            Err(_) => tracing::warn!("the provider's session is not ended: it does not answer in time"),
        }
        provider.after_logout().clone()
    }

    /// Ends one session by itself.
    pub(super) async fn end_one(&self, id: &Id, reason: &'static str) -> Result<(), SignInError> {
        self.end(*id, Ending::by_itself(reason)).await?;
        Ok(())
    }

    /// Ends a session and records it.
    async fn end(&self, id: Id, ending: Ending) -> Result<Option<Ended>, SignInError> {
        let this = self.clone();
        apart(async move {
            let ended = this.inner.store.end(&id, &ending).await?;
            if let Some(ended) = &ended {
                this.record(ended).await;
            }
            Ok(ended)
        })
        .await
    }

    /// Records the end of a session. It has happened, whether or not that works now: the sweep tries again.
    pub(super) async fn record(&self, ended: &Ended) {
        if let Err(error) = self.try_record(ended).await {
            let subject = &ended.subject;
            tracing::warn!(%error, subject, "the end of a session is not on record yet");
        }
    }

    async fn try_record(&self, ended: &Ended) -> Result<(), SignInError> {
        if let Ok(subject) = Subject::try_from(ended.subject.clone()) {
            let (context, client) = (ended.context(), &self.inner.client_id);
            let recorded =
                self.inner
                    .commands
                    .record_sign_out(&context, subject, client, &ended.ending.reason);
            recorded.await?;
        }
        self.inner.store.forget(ended).await?;
        metrics::counter!("opstella_sessions_ended_total").increment(1);
        Ok(())
    }
}

/// Carries something out to its end, also where the client goes away meanwhile: what has ended is on record.
pub(super) async fn apart<T: Send + 'static>(
    work: impl Future<Output = Result<T, SignInError>> + Send + 'static,
) -> Result<T, SignInError> {
    tokio::spawn(work.in_current_span())
        .await
        .map_err(|_| SignInError::Internal("the end of a session broke off"))?
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn what_is_carried_out_apart_ends_also_where_nobody_waits() {
        let (started, has_started) = oneshot::channel();
        let (go, may_go) = oneshot::channel();
        let (done, is_done) = oneshot::channel();
        let request = tokio::spawn(apart(async move {
            started.send(()).unwrap();
            may_go.await.unwrap();
            done.send(()).unwrap();
            Ok(())
        }));
        has_started.await.unwrap();
        request.abort();
        assert!(request.await.unwrap_err().is_cancelled());
        go.send(()).unwrap();
        timeout(FAREWELL, is_done).await.unwrap().unwrap();
    }
}
