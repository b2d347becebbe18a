//! Logout by the provider (OpenID Connect Back-Channel Logout 1.0): it tells us, not the browser.

use actix_web::HttpRequest;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::end::apart;
use super::ending::Ending;
use super::secret::digest;
use super::{SignIn, SignInError};
use crate::auth::Refused;

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// Longest time, in seconds, that a token may be under way; two minutes are recommended.
const LONGEST: i64 = 600;

/// A logout token's claims, section 2.4.
#[derive(Debug, Deserialize)]
struct LogoutClaims {
    iat: i64,
    exp: i64,
    jti: String,
    sub: Option<String>,
    sid: Option<String>,
    events: Map<String, Value>,
    #[serde(default)]
    nonce: Option<Value>,
}

impl SignIn {
    /// Ends the sessions that a logout token names.
    ///
    /// # Errors
    /// [`SignInError::LogoutToken`] where it is not taken.
    pub async fn logout_by_provider(&self, request: &HttpRequest, token: &str) -> Result<(), SignInError> {
        let claims = self.logout_claims(token).await?;
        let ends = DateTime::<Utc>::from_timestamp(claims.exp, 0).ok_or_else(|| refused("exp is no time"))?
            + chrono::Duration::seconds(LONGEST);
        let jti = digest(claims.jti.as_bytes());
        let ending = Ending::asked(&self.context(request, None), "signed out at the provider");
        let this = self.clone();
        apart(async move {
            let (sid, subject) = (claims.sid.as_deref(), claims.sub.as_deref());
            let ended = this
                .inner
                .store
                .end_named(&jti, ends, sid, subject, &ending)
                .await?;
            let ended = ended.ok_or_else(|| refused("its jti was used before"))?;
            tracing::info!(sessions = ended.len(), "the provider ended sessions");
            for session in ended {
                this.record(&session).await;
            }
            Ok(())
        })
        .await
    }

    /// Section 2.6, in its order; the signature, issuer, audience and expiry are those of every token.
    async fn logout_claims(&self, token: &str) -> Result<LogoutClaims, SignInError> {
        let audience = &self.inner.client_id;
        let claims: LogoutClaims = match self.inner.verifier.verify_logout(token, audience).await {
            Ok(claims) => claims,
            Err(Refused::NoKeys) => return Err(SignInError::AccessToken(Refused::NoKeys)),
            Err(why) => return Err(refused(&why.to_string())),
        };
        let (now, leeway) = (Utc::now().timestamp(), self.inner.verifier.leeway());
        if claims.iat > now.saturating_add(leeway) {
            return Err(refused("iat is in the future"));
        }
        if claims.iat < now.saturating_sub(LONGEST + leeway)
            || claims.exp.saturating_sub(claims.iat) > LONGEST
        {
            return Err(refused("it is older, or lives longer, than ten minutes"));
        }
        if claims.sub.is_none() && claims.sid.is_none() {
            return Err(refused("it has neither sub nor sid"));
        }
        if !claims.events.get(EVENT).is_some_and(Value::is_object) {
            return Err(refused("its events are not those of a logout"));
        }
        if claims.nonce.is_some() {
            return Err(refused("it has a nonce"));
        }
        if claims.jti.is_empty() {
            return Err(refused("its jti is empty"));
        }
        Ok(claims)
    }
}

fn refused(why: &str) -> SignInError {
    SignInError::LogoutToken(why.to_owned())
}
