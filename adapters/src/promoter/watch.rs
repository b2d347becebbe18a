//! What Argo CD runs: drift and health.

use std::collections::BTreeMap;

use opstella_commands::Seen;
use opstella_domain::naming::{KubernetesName, RegistryProject};
use opstella_domain::operation::Operation;
use opstella_domain::plan::Targets;
use opstella_domain::promotion::{EnvironmentKey, Health, ServiceEnvironment};
use opstella_domain::release::Digest;
use opstella_domain::tool_connection::ConnectionKey;
use opstella_domain::{ComponentName, Tool};

use super::Parts;
use super::notes::{self, Which};
use crate::background::pause;
use crate::{Observed, StepError};

const PAGE: i64 = 200;

/// Looks at every environment that runs something, again and again.
pub(super) async fn run(parts: &Parts) {
    while pause(&parts.stop, parts.options.watch_interval).await {
        if let Err(error) = look_at_all(parts).await {
            tracing::warn!(%error, "what runs could not be looked at; trying again");
        }
    }
}

async fn look_at_all(parts: &Parts) -> Result<(), sqlx::Error> {
    let pool = parts.commands.journal().pool();
    let mut after = String::new();
    loop {
        let page = notes::page(pool, Which::Deployed, "", &after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.to_string();
        for key in page {
            if parts.stop.is_cancelled() {
                return Ok(());
            }
            look_at(parts, &key).await;
        }
    }
}

/// Looks at one environment. Where Argo CD does not answer, nothing is known, and nothing recorded.
async fn look_at(parts: &Parts, key: &EnvironmentKey) {
    let journal = parts.commands.journal();
    // Not from the cache: the version tells whether something happened while it was looked.
    let Ok(environment) = journal.load_fresh::<ServiceEnvironment>(&key.to_string()).await else {
        return;
    };
    if environment.state.current.is_none() {
        return;
    }
    let Ok(targets) = parts.commands.targets().await else {
        return;
    };
    let (mut found, mut health) = (BTreeMap::new(), Health::Healthy);
    for (component, digest) in environment.state.images() {
        match observe(parts, key, &component, &digest, &targets).await {
            Ok(seen) => {
                let image = seen.images.join(", ");
                let right = seen
                    .images
                    .iter()
                    .any(|image| image.ends_with(&format!("@{digest}")));
                found.insert(component, (image, right));
                // While it rolls out or is synced, it is neither.
                if seen.health == "Degraded" || seen.health == "Missing" {
                    health = Health::Degraded;
                }
            }
            Err(error) => {
                tracing::debug!(environment = %key, %component, %error, "it cannot be seen what runs");
                return;
            }
        }
    }
    let seen = Seen {
        version: environment.version,
        found,
        health,
    };
    let context = parts.context(&key.to_string());
    if let Err(error) = parts.commands.observe_environment(&context, key, &seen).await {
        tracing::warn!(environment = %key, %error, "what runs could not be recorded");
    }
}

async fn observe(
    parts: &Parts,
    key: &EnvironmentKey,
    component: &ComponentName,
    digest: &Digest,
    targets: &Targets,
) -> Result<Observed, StepError> {
    let service = &key.service;
    let connection = ConnectionKey {
        tool: Tool::ArgoCd,
        name: targets.connection.clone(),
    };
    let adapter = parts.toolbox.adapter(&connection).await?;
    let operation = Operation::ArgoHealthy {
        application: KubernetesName::application(service, component, key.environment),
        project: service.project.clone(),
        image: format!("{}/{component}", RegistryProject::of(service)),
        digest: digest.clone(),
        // It is looked at once, and not waited for.
        wait_minutes: 0,
    };
    adapter.observe(&operation).await
}
