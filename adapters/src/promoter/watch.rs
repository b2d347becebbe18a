//! What Argo CD runs: drift and health.
//!
//! A round asks once for each project what its applications run. Where that would be news, and only there, it is looked
//! closely, application by application, before anything is recorded.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use futures::stream::{self, StreamExt};
use opstella_commands::Seen;
use opstella_domain::naming::KubernetesName;
use opstella_domain::operation::Operation;
use opstella_domain::plan::Targets;
use opstella_domain::promotion::{EnvironmentCommand, EnvironmentKey, ServiceEnvironment};
use opstella_domain::tool_connection::ConnectionKey;
use opstella_domain::{ComponentName, Decide, ProjectSlug, Tool};
use opstella_journal::JournalError;

use super::notes::{self, Which};
use super::sight::Sight;
use super::{AT_ONCE, Parts};
use crate::background::pause;
use crate::{Observed, StepError, ToolAdapter};

const PAGE: i64 = 1000;
/// Least pause between two rounds, as a part of the time from the beginning of one to that of the next.
const LEAST_PAUSE: u32 = 10;

/// Looks at every environment that runs something, again and again.
pub(super) async fn run(parts: &Parts) {
    let every = parts.options.watch_interval;
    let mut wait = every;
    while pause(&parts.stop, wait).await {
        let began = Instant::now();
        let outcome = match round(parts).await {
            Ok(true) => "complete",
            Ok(false) => "cut-short",
            Err(error) => {
                tracing::warn!(%error, "what runs could not be looked at; trying again");
                "failed"
            }
        };
        let took = began.elapsed();
        metrics::histogram!("opstella_watch_round_seconds").record(took.as_secs_f64());
        metrics::counter!("opstella_watch_rounds_total", "outcome" => outcome).increment(1);
        wait = until_next(every, took);
    }
}

/// A round begins so long after the one before it began, unless that took too long.
fn until_next(every: Duration, took: Duration) -> Duration {
    every.saturating_sub(took).max(every / LEAST_PAUSE)
}

/// One round through all environments; whether it came to its end.
async fn round(parts: &Parts) -> Result<bool, opstella_commands::CommandError> {
    let projects = deployed(parts).await.map_err(JournalError::from)?;
    if projects.is_empty() {
        return Ok(true);
    }
    let targets = parts.commands.targets().await?;
    let connection = ConnectionKey {
        tool: Tool::ArgoCd,
        name: targets.connection.clone(),
    };
    let adapter = match parts.toolbox.adapter(&connection).await {
        Ok(adapter) => adapter,
        Err(error) => {
            tracing::warn!(%connection, %error, "Argo CD cannot be asked what runs");
            return Ok(false);
        }
    };
    let round = Round {
        parts,
        connection,
        adapter,
        targets,
        away: AtomicBool::new(false),
        unanswered: AtomicUsize::new(0),
    };
    let surveys = stream::iter(projects).map(|(project, keys)| round.survey(project, keys));
    let suspects: Vec<EnvironmentKey> = surveys
        .buffer_unordered(AT_ONCE)
        .flat_map(stream::iter)
        .collect()
        .await;
    let looks = stream::iter(suspects).map(|key| round.look_closely(key));
    looks.buffer_unordered(AT_ONCE).collect::<()>().await;
    Ok(!round.is_over())
}

/// The environments that run something, by project.
async fn deployed(parts: &Parts) -> Result<BTreeMap<ProjectSlug, Vec<EnvironmentKey>>, sqlx::Error> {
    let pool = parts.commands.journal().pool();
    let mut projects: BTreeMap<ProjectSlug, Vec<EnvironmentKey>> = BTreeMap::new();
    let mut after = String::new();
    loop {
        let page = notes::page(pool, Which::Deployed, &after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(projects);
        };
        after = last.to_string();
        for key in page {
            projects.entry(key.service.project.clone()).or_default().push(key);
        }
    }
}

/// So many questions without an answer end a round.
const UNANSWERED: usize = 3;

/// A round under way.
struct Round<'a> {
    parts: &'a Parts,
    connection: ConnectionKey,
    adapter: Arc<dyn ToolAdapter>,
    targets: Targets,
    /// Whether Argo CD does not answer: nobody else asks it in this round.
    away: AtomicBool,
    /// Questions that it did not answer: one of a project alone says little of Argo CD.
    unanswered: AtomicUsize,
}

impl Round<'_> {
    fn is_over(&self) -> bool {
        self.away.load(Ordering::Relaxed) || self.parts.stop.is_cancelled()
    }

    /// Asks what a project's applications run. Those of its environments where that would be news.
    async fn survey(&self, project: ProjectSlug, keys: Vec<EnvironmentKey>) -> Vec<EnvironmentKey> {
        if self.is_over() {
            return vec![];
        }
        let seen = match self.adapter.survey(&project).await {
            Ok(seen) => seen,
            Err(error) => {
                if !self.ends_by(&error) {
                    tracing::warn!(%project, %error, "it cannot be seen what a project runs");
                }
                return vec![];
            }
        };
        let journal = self.parts.commands.journal();
        let mut suspects = Vec::new();
        for key in keys {
            // As this process remembers it: before anything is recorded, it is looked closely.
            let Ok(environment) = journal.load::<ServiceEnvironment>(&key.to_string()).await else {
                continue;
            };
            let mut sight = Sight::default();
            for (component, digest) in environment.state.images() {
                let name = KubernetesName::application(&key.service, &component, key.environment);
                let Ok(image) = self.targets.image(&key.service, &component) else {
                    continue;
                };
                let observed = seen.get(name.as_str()).cloned().unwrap_or_else(Observed::missing);
                let fresh = is_fresh(&environment.state);
                sight.take(component, &format!("{image}@{digest}"), &observed, fresh);
            }
            let (health, found) = (sight.health(), sight.found);
            let observe = EnvironmentCommand::Observe {
                found,
                health,
                at: Utc::now(),
            };
            if environment
                .state
                .decide(observe)
                .is_ok_and(|events| !events.is_empty())
            {
                suspects.push(key);
            }
        }
        suspects
    }

    /// Looks at one environment, and records what is seen. Of what cannot be seen, nothing is known, and nothing recorded.
    async fn look_closely(&self, key: EnvironmentKey) {
        let journal = self.parts.commands.journal();
        // Not from the cache: the version tells whether something happened while it was looked.
        let Ok(environment) = journal.load_fresh::<ServiceEnvironment>(&key.to_string()).await else {
            return;
        };
        let mut sight = Sight::default();
        for (component, digest) in environment.state.images() {
            let Ok(image) = self.targets.image(&key.service, &component) else {
                return;
            };
            if self.is_over() {
                sight.miss();
                continue;
            }
            let operation = operation(&key, &component, &image, digest.clone());
            match self.adapter.observe(&operation).await {
                Ok(observed) => {
                    let fresh = is_fresh(&environment.state);
                    sight.take(component, &format!("{image}@{digest}"), &observed, fresh);
                }
                Err(error) => {
                    sight.miss();
                    if !self.ends_by(&error) {
                        tracing::warn!(environment = %key, %component, %error, "it cannot be seen what runs");
                    }
                }
            }
        }
        if sight.found.is_empty() {
            return;
        }
        let seen = Seen {
            version: environment.version,
            health: sight.health(),
            found: sight.found,
        };
        let context = self.parts.context(&key.to_string());
        if let Err(error) = self
            .parts
            .commands
            .observe_environment(&context, &key, &seen)
            .await
        {
            tracing::warn!(environment = %key, %error, "what runs could not be recorded");
        }
    }

    /// Whether the round ends by an error, which is said once: Argo CD itself is away, or refuses our credential.
    fn ends_by(&self, error: &StepError) -> bool {
        let ends = match error {
            StepError::Permanent { .. } => false,
            StepError::Unauthorised { .. } => true,
            _ => self.unanswered.fetch_add(1, Ordering::Relaxed) + 1 >= UNANSWERED,
        };
        if ends && !self.away.swap(true, Ordering::Relaxed) {
            let connection = &self.connection;
            tracing::warn!(%connection, %error, "Argo CD cannot be asked what runs; the round ends");
        }
        ends
    }
}

/// How long after a deployment pods of what ran before may still be ending: Kubernetes gives them 30 s unless told.
const ENDING: TimeDelta = TimeDelta::minutes(2);

/// Whether what runs came a moment ago.
fn is_fresh(environment: &ServiceEnvironment) -> bool {
    let current = environment.current.as_ref();
    current.is_some_and(|current| Utc::now() - current.since < ENDING)
}

/// What is looked at closely: once, and not waited for.
fn operation(
    key: &EnvironmentKey,
    component: &ComponentName,
    image: &str,
    digest: opstella_domain::release::Digest,
) -> Operation {
    Operation::ArgoHealthy {
        application: KubernetesName::application(&key.service, component, key.environment),
        project: key.service.project.clone(),
        image: image.to_owned(),
        digest,
        wait_minutes: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_begin_at_equal_distances_unless_they_take_too_long() {
        let seconds = Duration::from_secs;
        assert_eq!(until_next(seconds(30), seconds(4)), seconds(26));
        assert_eq!(until_next(seconds(30), seconds(400)), seconds(3));
    }
}
