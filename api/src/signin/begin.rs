//! The way of a browser to the provider.

use actix_web::HttpRequest;
use actix_web::cookie::Cookie;
use serde::{Deserialize, Serialize};
use url::Url;

use super::secret::Secret;
use super::{ReturnTo, SignIn, SignInError};

/// What is kept while the browser is at the provider, sealed.
#[derive(Serialize, Deserialize)]
pub(super) struct Attempt {
    pub nonce: String,
    pub verifier: String,
    pub return_to: String,
}

/// A sign-in that begins.
pub struct Beginning {
    /// Where the browser goes.
    pub url: Url,
    /// What binds the sign-in to the browser.
    pub cookie: Cookie<'static>,
}

impl SignIn {
    /// Begins a sign-in.
    ///
    /// # Errors
    /// [`SignInError`].
    pub async fn begin(&self, request: &HttpRequest, return_to: &ReturnTo) -> Result<Beginning, SignInError> {
        let inner = &self.inner;
        // A browser may sign in in two tabs at once: both have the same cookie, and each its own state.
        let browser = inner.cookies.browser_of(request).unwrap_or_else(Secret::random);
        let state = Secret::random();
        let begun = inner.provider.begin(state.expose()).await?;
        let attempt = Attempt {
            nonce: begun.nonce,
            verifier: begun.verifier,
            return_to: return_to.as_str().to_owned(),
        };
        let sealed = inner
            .sealer
            .seal(&attempt, &state.digest())
            .ok_or(SignInError::Internal("a sign-in could not be sealed"))?;
        let kept = inner
            .store
            .begin(&state.digest(), &browser.digest(), &sealed)
            .await?;
        if !kept {
            return Err(SignInError::TooMany);
        }
        Ok(Beginning {
            url: begun.url,
            cookie: inner.cookies.browser(&browser),
        })
    }
}
