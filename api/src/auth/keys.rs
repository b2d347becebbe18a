//! The issuer's keys: kept, refreshed in the background, and looked for anew when a token names an unknown one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Client;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::discovery::{self, Key, KeySet};
use crate::config::OidcConfig;
use crate::issuer_http;

/// Whether there are keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyStatus {
    /// How many there are.
    pub keys: usize,
    /// Why the last look failed.
    pub error: Option<String>,
}

pub(super) struct Keys {
    issuer: String,
    client: Client,
    max_age: Duration,
    min_interval: Duration,
    held: Mutex<Held>,
    /// One look at a time.
    looking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Held {
    set: Arc<KeySet>,
    fetched: Option<Instant>,
    tried: Option<Instant>,
    error: Option<String>,
}

impl Keys {
    pub fn new(issuer: String, config: &OidcConfig) -> Result<Self, reqwest::Error> {
        Ok(Self {
            issuer,
            client: issuer_http::client(Duration::from_secs(config.timeout_seconds))?,
            max_age: Duration::from_secs(config.jwks_max_age_seconds),
            min_interval: Duration::from_secs(config.jwks_min_interval_seconds),
            held: Mutex::default(),
            looking: tokio::sync::Mutex::default(),
        })
    }

    pub fn status(&self) -> KeyStatus {
        let held = self.held();
        KeyStatus {
            keys: if self.fresh(&held) { held.set.len() } else { 0 },
            error: held.error.clone(),
        }
    }

    /// The key of that id; looks at the issuer, not too often, where it is not known.
    pub async fn find(&self, kid: &str) -> Result<Option<Key>, ()> {
        if let Some(key) = self.known(kid) {
            return Ok(Some(key));
        }
        {
            let _one = self.looking.lock().await;
            // Another request may have looked while this one waited.
            if let Some(key) = self.known(kid) {
                return Ok(Some(key));
            }
            if self.may_look() {
                self.refresh().await;
            }
        }
        match self.known(kid) {
            Some(key) => Ok(Some(key)),
            None if self.status().keys == 0 => Err(()),
            None => Ok(None),
        }
    }

    /// Refreshes the keys until cancelled.
    pub async fn keep_fresh(&self, every: Duration, cancel: &CancellationToken) {
        loop {
            let ok = {
                let _one = self.looking.lock().await;
                self.refresh().await
            };
            let pause = if ok {
                every
            } else {
                every.min(Duration::from_secs(5))
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = cancel.cancelled() => return,
            }
        }
    }

    async fn refresh(&self) -> bool {
        self.held().tried = Some(Instant::now());
        let fetched = discovery::fetch(&self.client, &self.issuer).await;
        let mut held = self.held();
        match fetched {
            Ok(set) => {
                held.set = Arc::new(set);
                held.fetched = Some(Instant::now());
                held.error = None;
                true
            }
            Err(error) => {
                tracing::warn!(%error, "the issuer's keys could not be read");
                held.error = Some(error);
                false
            }
        }
    }

    fn known(&self, kid: &str) -> Option<Key> {
        let held = self.held();
        self.fresh(&held).then(|| held.set.get(kid).cloned()).flatten()
    }

    fn fresh(&self, held: &Held) -> bool {
        held.fetched.is_some_and(|at| at.elapsed() < self.max_age)
    }

    fn may_look(&self) -> bool {
        self.held()
            .tried
            .is_none_or(|at| at.elapsed() >= self.min_interval)
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
