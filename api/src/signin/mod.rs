//! Signing in with a browser: OpenID Connect's authorization code with PKCE, and sessions on the server.
//!
//! [`begin`](SignIn::begin) sends the browser to the provider, [`finish`](SignIn::finish) takes it back and makes a
//! session. The browser holds a random id in a cookie; the tokens stay here, sealed, and are renewed before they end
//! (`renew.rs`). A request with the cookie becomes the same [`Caller`](crate::auth::Caller) that a bearer token makes
//! (`current.rs`). A session ends by the user, by the provider (`backchannel.rs`), or after a time (`sweep.rs`).

mod attempt;
mod backchannel;
mod begin;
mod cookies;
mod csrf;
mod current;
mod end;
mod ending;
mod error;
mod finish;
mod http_client;
mod provider;
mod renew;
mod return_to;
mod sealing;
mod secret;
mod store;
mod sweep;

use std::sync::Arc;

use opstella_commands::Commands;
use sqlx::PgPool;

pub use cookies::Cookies;
pub use current::Current;
pub use error::SignInError;
pub use finish::Returned;
pub use return_to::ReturnTo;

use crate::auth::Verifier;
use crate::config::{Config, ConfigError};
use provider::Provider;
use sealing::Sealer;
use store::Store;

/// Everything that signing in with a browser takes; there is one where `oidc.client_id` is set.
#[derive(Clone)]
pub struct SignIn {
    inner: Arc<Inner>,
}

struct Inner {
    provider: Provider,
    verifier: Arc<Verifier>,
    store: Store,
    sealer: Sealer,
    cookies: Cookies,
    commands: Commands,
    client_id: String,
    public_url: url::Url,
}

impl SignIn {
    /// What the configuration asks for; `None` where it does not.
    ///
    /// # Errors
    /// [`ConfigError`] where a value cannot be used.
    pub fn of(
        config: &Config,
        issuer: &str,
        pool: PgPool,
        commands: Commands,
        verifier: Arc<Verifier>,
    ) -> Result<Option<Self>, ConfigError> {
        let Some(client_id) = config.oidc.client_id.clone() else {
            return Ok(None);
        };
        if config.session.key.is_none() {
            tracing::warn!(
                "session.key is not set: sessions end with this process, and no other process knows them; \
                 `openssl rand -base64 32` makes one"
            );
        }
        let public_url = config.server.public_url.clone();
        let inner = Inner {
            provider: Provider::new(issuer, &client_id, &config.oidc, &public_url)?,
            verifier,
            store: Store::new(pool, &config.session),
            sealer: Sealer::new(config.session.key.as_ref())?,
            cookies: Cookies::of(&public_url, config.session.lifetime()),
            commands,
            client_id,
            public_url,
        };
        Ok(Some(Self {
            inner: Arc::new(inner),
        }))
    }

    /// The cookies.
    pub fn cookies(&self) -> &Cookies {
        &self.inner.cookies
    }
}
