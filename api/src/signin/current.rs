//! Who a request's session belongs to.

use actix_web::HttpRequest;
use actix_web::http::Method;
use chrono::{DateTime, Utc};

use super::provider::Tokens;
use super::renew::AGAIN;
use super::store::Row;
use super::{SignIn, SignInError, csrf};
use crate::auth::{Caller, Refused, SessionId};

/// A request's session.
pub struct Current {
    /// Who it belongs to.
    pub caller: Caller,
    /// When they signed in.
    pub since: DateTime<Utc>,
    /// When it ends at the latest.
    pub expires_at: DateTime<Utc>,
    /// What `X-CSRF-Token` must be.
    pub csrf_token: String,
}

impl SignIn {
    /// The session of a request; `None` where it has no cookie of one.
    ///
    /// # Errors
    /// [`SignInError::Ended`] where the session is over.
    pub async fn current(&self, request: &HttpRequest) -> Result<Option<Current>, SignInError> {
        let Some(id) = self.inner.cookies.session_of(request) else {
            return Ok(None);
        };
        let digest = id.digest();
        let row = self.inner.store.find(&digest).await?.ok_or(SignInError::Ended)?;
        let over = match (&row.aged, &row.idle) {
            (true, _) => Some("the session reached its longest time"),
            (_, true) => Some("the session was idle for too long"),
            _ => None,
        };
        if let Some(reason) = over {
            self.end_one(&digest, reason).await?;
            return Err(SignInError::Ended);
        }
        let Some(tokens) = self.inner.sealer.open::<Tokens>(&row.sealed, &digest) else {
            // Another process may have its key.
            return Err(SignInError::Unopened);
        };
        let tokens = if row.due {
            self.renew(digest, tokens, &row.subject).await?
        } else {
            tokens
        };
        let mut caller = self.caller(&digest, &row, &tokens).await?;
        caller.session = Some(digest);
        if row.unseen {
            self.inner.store.seen(&digest).await?;
        }
        Ok(Some(Current {
            caller,
            since: row.created_at,
            expires_at: row.expires_at,
            csrf_token: csrf::token(&id),
        }))
    }

    /// The same caller as the session's access token would make.
    async fn caller(&self, id: &[u8; 32], row: &Row, tokens: &Tokens) -> Result<Caller, SignInError> {
        let reason = match self.inner.verifier.verify(&tokens.access).await {
            Ok(caller) if caller.actor.subject == row.subject => return Ok(caller),
            Ok(_) => "the tokens are of another subject",
            Err(Refused::NoKeys) => return Err(SignInError::AccessToken(Refused::NoKeys)),
            // Its renewal did not work out yet.
            Err(Refused::Expired) if tokens.refresh.is_some() => return Err(SignInError::Later),
            // The provider has other keys by now: ours are old, or the token is.
            Err(Refused::UnknownKey) if tokens.refresh.is_some() => {
                self.inner.store.renew_within(id, AGAIN).await?;
                return Err(SignInError::Later);
            }
            Err(Refused::Expired) => "the provider's token ended and cannot be renewed",
            Err(_) => "the provider's token is no longer taken",
        };
        self.end_one(id, reason).await?;
        Err(SignInError::Ended)
    }

    /// Whether a session goes on. Asking does not count as its use.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn goes_on(&self, session: &SessionId) -> Result<bool, SignInError> {
        let row = self.inner.store.find(session).await?;
        Ok(row.is_some_and(|row| !row.aged && !row.idle))
    }

    /// Whether a request has the cookie of a session, of whichever.
    pub fn is_asked_by(&self, request: &HttpRequest) -> bool {
        self.inner.cookies.session_of(request).is_some()
    }

    /// Who calls by a session, where there is one. A request that may change something must come from our own pages.
    ///
    /// # Errors
    /// [`SignInError`].
    pub async fn caller_of(&self, request: &HttpRequest) -> Result<Option<Caller>, SignInError> {
        let Some(current) = self.current(request).await? else {
            return Ok(None);
        };
        if ![Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method()) {
            csrf::check(request.headers(), &self.inner.public_url, &current.csrf_token)?;
        }
        Ok(Some(current.caller))
    }

    /// Refuses what a browser says comes from another site; for requests that need no token.
    ///
    /// # Errors
    /// [`SignInError::CrossSite`].
    pub fn check_origin(&self, request: &HttpRequest) -> Result<(), SignInError> {
        csrf::check_origin(request.headers(), &self.inner.public_url)
    }
}
