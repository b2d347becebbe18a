//! The way of a browser to the provider.

use actix_web::HttpRequest;
use actix_web::cookie::Cookie;
use chrono::Utc;
use url::Url;

use super::attempt::Attempt;
use super::secret::Secret;
use super::{ReturnTo, SignIn, SignInError};

/// A sign-in that begins.
pub struct Beginning {
    /// Where the browser goes.
    pub url: Url,
    /// What the browser keeps meanwhile, and what it no longer needs to.
    pub cookies: Vec<Cookie<'static>>,
}

impl SignIn {
    /// Begins a sign-in.
    ///
    /// # Errors
    /// [`SignInError`].
    pub async fn begin(&self, request: &HttpRequest, return_to: &ReturnTo) -> Result<Beginning, SignInError> {
        let inner = &self.inner;
        // A browser may sign in in several tabs at once: each has its own state.
        let state = Secret::random();
        let begun = inner.provider.begin(state.expose()).await?;
        let attempt = Attempt {
            nonce: begun.nonce,
            verifier: begun.verifier,
            return_to: return_to.as_str().to_owned(),
            begun_at: now(),
        };
        let sealed = attempt.seal(&inner.sealer, &state);
        let sealed = sealed.ok_or(SignInError::Internal("a sign-in could not be sealed"))?;
        Ok(Beginning {
            url: begun.url,
            cookies: inner.cookies.attempt(request, &state, &sealed),
        })
    }
}

/// Now, in microseconds since 1970.
pub(super) fn now() -> u64 {
    u64::try_from(Utc::now().timestamp_micros()).unwrap_or_default()
}
