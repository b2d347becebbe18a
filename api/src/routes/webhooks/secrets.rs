//! What tools sign with, remembered for a while: a flood of webhooks asks Vault once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;
use opstella_domain::naming::SecretPath;
use opstella_domain::{ComponentName, ServiceKey, Tool};
use secrecy::SecretString;

use crate::problem::{Problem, ProblemKind};
use crate::state::AppState;

/// How long a secret is remembered.
const KNOWN: Duration = Duration::from_secs(60);
/// How long it is remembered that there is none; a component may be just being made.
const UNKNOWN: Duration = Duration::from_secs(5);
/// Most that is remembered.
const ENTRIES: u64 = 10_000;

struct Lifetime;

impl Expiry<SecretPath, Option<SecretString>> for Lifetime {
    fn expire_after_create(
        &self,
        _: &SecretPath,
        found: &Option<SecretString>,
        _: Instant,
    ) -> Option<Duration> {
        Some(if found.is_some() { KNOWN } else { UNKNOWN })
    }
}

/// What tools sign their webhooks with.
pub struct WebhookSecrets(Cache<SecretPath, Option<SecretString>>);

impl Default for WebhookSecrets {
    fn default() -> Self {
        let cache = Cache::builder()
            .max_capacity(ENTRIES)
            .expire_after(Lifetime)
            .build();
        Self(cache)
    }
}

impl WebhookSecrets {
    /// The secret by which a tool signs for a component; none where there is none. Names come from who has not signed yet:
    /// for those of no component Vault is asked for nobody's secret, now and then, so that neither a Vault that is away
    /// nor the time that it takes tells which components are there.
    ///
    /// # Errors
    /// 503 where it cannot be read now.
    pub(super) async fn of(
        &self,
        state: &AppState,
        key: &ServiceKey,
        component: &ComponentName,
        tool: Tool,
    ) -> Result<Option<SecretString>, Problem> {
        let path = SecretPath::webhook(key, component, tool.slug());
        let read = async {
            let (project, service) = (key.project.as_str(), key.service.as_str());
            let there = state.queries.has_component(project, service, component.as_str());
            match there.await.map_err(Problem::from)? {
                true => read(state, &path).await,
                false => self.nobodys(state).await,
            }
        };
        let found = self.0.try_get_with(path.clone(), read).await;
        found.map_err(|problem: Arc<Problem>| (*problem).clone())
    }
}

impl WebhookSecrets {
    async fn nobodys(&self, state: &AppState) -> Result<Option<SecretString>, Problem> {
        let path = SecretPath::nobodys();
        let found = self.0.try_get_with(path.clone(), read(state, &path)).await;
        found
            .map(|_| None)
            .map_err(|problem: Arc<Problem>| (*problem).clone())
    }
}

async fn read(state: &AppState, path: &SecretPath) -> Result<Option<SecretString>, Problem> {
    let found = state.tools.webhook_secret(&state.config.connection, path).await;
    found.map_err(|error| away(&error))
}

fn away(error: &str) -> Problem {
    tracing::warn!(error, "the secret of a webhook cannot be read");
    Problem::new(
        ProblemKind::Unavailable,
        "whether the webhook is signed cannot be checked now",
    )
    .header("Retry-After", "5")
}
