//! Renewing a session's tokens before they end: one at a time, over all processes.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::ending::Ending;
use super::finish::renew_in;
use super::provider::{ProviderError, Renewed, Tokens};
use super::store::{Id, LEASE, Lease};
use super::{SignIn, SignInError};
use crate::auth::Refused;

/// Until a renewal is tried again that the provider did not answer, or whose tokens cannot be checked.
pub(super) const AGAIN: Duration = Duration::from_secs(5);
/// How long the provider may take to renew, and how long checking what it gave may take.
const ASKING: Duration = Duration::from_secs(15);
const CHECKING: Duration = Duration::from_secs(8);
/// How long a request waits for another's renewal, where it cannot go on without.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(50);
const OVER: &str = "the provider does not renew the session";
const OTHERS: &str = "the provider renewed the session with other tokens";

// Who has a lease is done before it ends: a refresh token that is used twice ends the provider's session.
const _: () = assert!(ASKING.as_secs() + CHECKING.as_secs() < LEASE.as_secs());

/// What renewed tokens turn out to be.
enum Checked {
    /// Good until then, in seconds since 1970.
    Good(u64),
    /// Not to be told now: the provider's keys are not known.
    NotYet,
    /// Not this session's.
    Others(String),
}

impl SignIn {
    /// The session's tokens, new ones if they are to be had.
    pub(super) async fn renew(&self, id: Id, tokens: Tokens, subject: &str) -> Result<Tokens, SignInError> {
        let Some(lease) = self.inner.store.may_renew(&id).await? else {
            return self.renewed_by_others(&id, tokens).await;
        };
        let current = self.inner.sealer.open(&lease.sealed, &id).unwrap_or(tokens);
        let (this, subject) = (self.clone(), subject.to_owned());
        // By itself: a client that goes away must not take the answer along, as the old refresh token is used up.
        let work = tokio::spawn(async move { this.renew_now(&id, &lease, current, &subject).await });
        work.await
            .map_err(|_| SignInError::Internal("a renewal of tokens broke off"))?
    }

    async fn renew_now(
        &self,
        id: &Id,
        lease: &Lease,
        tokens: Tokens,
        subject: &str,
    ) -> Result<Tokens, SignInError> {
        let inner = &self.inner;
        let asked = timeout(ASKING, inner.provider.renew(&tokens)).await;
        let renewed = match asked.unwrap_or(Err(ProviderError::TooLate)) {
            Ok(renewed) => renewed,
            Err(error) if error.is_over() => return self.end_leased(id, lease, OVER).await,
            Err(error) => {
                tracing::warn!(%error, "a session's tokens could not be renewed");
                inner.store.not_renewed(id, lease, AGAIN).await?;
                return Ok(tokens);
            }
        };
        let checked = timeout(CHECKING, self.checked(&renewed, subject)).await;
        let (expires_at, least) = match checked.unwrap_or(Checked::NotYet) {
            Checked::Good(expires_at) => (Some(expires_at), Duration::ZERO),
            Checked::NotYet => (None, AGAIN),
            Checked::Others(why) => {
                tracing::warn!(
                    why,
                    subject,
                    "a session was renewed with tokens that are not taken"
                );
                return self.end_leased(id, lease, OTHERS).await;
            }
        };
        let sealed = inner.sealer.seal(&renewed.tokens, id);
        let sealed = sealed.ok_or(SignInError::Internal("a session could not be sealed"))?;
        let renewable = renewed.tokens.refresh.is_some();
        let wait = renewable.then(|| renew_in(renewed.expires_in, expires_at.unwrap_or_default()).max(least));
        if !inner.store.renewed(id, lease, &sealed, wait).await? {
            return self.held(id).await;
        }
        metrics::counter!("opstella_sessions_renewed_total").increment(1);
        // What cannot be checked is kept, as the old tokens are used up, but lets nobody in.
        match expires_at {
            Some(_) => Ok(renewed.tokens),
            None => Err(SignInError::Later),
        }
    }

    async fn checked(&self, renewed: &Renewed, subject: &str) -> Checked {
        match self.inner.provider.check_renewed(renewed).await {
            Ok(None) => {}
            Ok(Some(other)) if other != subject => return Checked::Others("another subject".to_owned()),
            Ok(Some(_)) => {}
            Err(error) if error.is_unknown_key() || error.is_transient() => return Checked::NotYet,
            Err(error) => return Checked::Others(error.to_string()),
        }
        match self.inner.verifier.verify(&renewed.tokens.access).await {
            Ok(caller) if caller.actor.subject == subject => Checked::Good(caller.expires_at),
            Ok(_) => Checked::Others("another subject".to_owned()),
            Err(Refused::NoKeys | Refused::UnknownKey) => Checked::NotYet,
            Err(why) => Checked::Others(why.to_string()),
        }
    }

    /// Ends a session that cannot be renewed; where somebody else renewed it meanwhile, it goes on.
    async fn end_leased(&self, id: &Id, lease: &Lease, reason: &str) -> Result<Tokens, SignInError> {
        match self
            .inner
            .store
            .end_leased(id, lease, &Ending::by_itself(reason))
            .await?
        {
            Some(ended) => {
                self.record(&ended).await;
                Err(SignInError::Ended)
            }
            None => self.held(id).await,
        }
    }

    /// The tokens that the session has now.
    async fn held(&self, id: &Id) -> Result<Tokens, SignInError> {
        let row = self.inner.store.find(id).await?.ok_or(SignInError::Ended)?;
        self.inner
            .sealer
            .open(&row.sealed, id)
            .ok_or(SignInError::Unopened)
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
                return self
                    .inner
                    .sealer
                    .open(&row.sealed, id)
                    .ok_or(SignInError::Unopened);
            }
            if Instant::now() >= deadline {
                return Err(SignInError::Later);
            }
            sleep(LOOK).await;
        }
    }
}
