//! What the provider says of itself: asked for now and then, and held meanwhile, also while the provider is away.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use openidconnect::{ClientId, ClientSecret, IssuerUrl, ProviderMetadataWithLogout, RedirectUrl};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::error::{ProviderError, chain};
use super::types::Client;
use crate::config::OidcConfig;
use crate::signin::http_client;

/// What is known of the provider.
pub(super) struct Known {
    pub client: Client,
    pub metadata: ProviderMetadataWithLogout,
    since: Instant,
}

/// Asks the provider about itself: one request at a time, and not again right after it failed.
pub(super) struct Discovery {
    issuer: IssuerUrl,
    client_id: ClientId,
    client_secret: Option<SecretString>,
    redirect: RedirectUrl,
    http: reqwest::Client,
    refresh: Duration,
    max_age: Duration,
    min_interval: Duration,
    held: Mutex<Held>,
    /// One look at a time.
    looking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Held {
    known: Option<Arc<Known>>,
    /// When the last look failed, and why; none where it went well.
    failed: Option<(Instant, String)>,
}

impl Discovery {
    pub fn new(
        issuer: IssuerUrl,
        client_id: ClientId,
        redirect: RedirectUrl,
        http: reqwest::Client,
        config: &OidcConfig,
    ) -> Self {
        Self {
            issuer,
            client_id,
            client_secret: config.client_secret.clone(),
            redirect,
            http,
            refresh: Duration::from_secs(config.jwks_refresh_seconds),
            max_age: Duration::from_secs(config.jwks_max_age_seconds),
            min_interval: Duration::from_secs(config.jwks_min_interval_seconds),
            held: Mutex::default(),
            looking: tokio::sync::Mutex::default(),
        }
    }

    /// The issuer, as it names itself.
    pub fn issuer(&self) -> &str {
        self.issuer.as_str()
    }

    /// What the provider says of itself; anew where that is old, or where it is `doubted` and not quite new.
    pub async fn known(&self, doubted: bool) -> Result<Arc<Known>, ProviderError> {
        if let Some(answer) = self.at_hand(doubted) {
            return answer;
        }
        let _one = match self.looking.try_lock() {
            Ok(one) => one,
            Err(_) => match self.usable() {
                // What is old does well enough while somebody else looks.
                Some(known) if !doubted => return Ok(known),
                _ => self.looking.lock().await,
            },
        };
        // Another request may have looked while this one waited.
        match self.at_hand(doubted) {
            Some(answer) => answer,
            None => self.look().await,
        }
    }

    /// What needs no look: it is new enough, or the last look failed a moment ago.
    fn at_hand(&self, doubted: bool) -> Option<Result<Arc<Known>, ProviderError>> {
        let held = self.held();
        let enough = if doubted { self.min_interval } else { self.refresh };
        if let Some(known) = held.known.as_ref().filter(|known| known.since.elapsed() < enough) {
            return Some(Ok(Arc::clone(known)));
        }
        let (at, error) = held.failed.as_ref()?;
        if at.elapsed() >= self.min_interval {
            return None;
        }
        let error = ProviderError::Unreachable(error.clone());
        drop(held);
        Some(self.usable().ok_or(error))
    }

    /// What is held, unless it is too old for anything.
    fn usable(&self) -> Option<Arc<Known>> {
        let known = self.held().known.clone();
        known.filter(|known| known.since.elapsed() < self.max_age)
    }

    async fn look(&self) -> Result<Arc<Known>, ProviderError> {
        let http = http_client::sender(&self.http);
        let metadata = match ProviderMetadataWithLogout::discover_async(self.issuer.clone(), &http).await {
            Ok(metadata) => metadata,
            Err(error) => {
                let error = chain(&error);
                tracing::warn!(error, "the provider cannot be asked about itself");
                self.held().failed = Some((Instant::now(), error.clone()));
                return self.usable().ok_or(ProviderError::Unreachable(error));
            }
        };
        let secret = self.client_secret.as_ref();
        let secret = secret.map(|secret| ClientSecret::new(secret.expose_secret().to_owned()));
        let client = Client::from_provider_metadata(metadata.clone(), self.client_id.clone(), secret)
            .set_redirect_uri(self.redirect.clone());
        let known = Arc::new(Known {
            client,
            metadata,
            since: Instant::now(),
        });
        *self.held() = Held {
            known: Some(Arc::clone(&known)),
            failed: None,
        };
        Ok(known)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
