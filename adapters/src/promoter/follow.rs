//! Follows the journal: what makes gates be looked at again, and releases that go to DEV.

use futures::stream::{self, StreamExt, TryStreamExt};
use opstella_domain::evidence::{Artifact, ArtifactKey};
use opstella_domain::policy::{Policy, PolicyKey};
use opstella_domain::project::Project;
use opstella_domain::promotion::{EnvironmentKey, ServiceEnvironment};
use opstella_domain::release::{Release, ReleaseKey};
use opstella_domain::tool_connection::ToolConnection;
use opstella_domain::{Decide, ProjectSlug, ServiceKey};
use opstella_journal::{Batch, JournalError, RecordedEvent};
use std::collections::{BTreeMap, BTreeSet};

use super::{AT_ONCE, Parts, asked, notes, to_dev};
use crate::background::keep_following;

const BATCH: usize = 200;

/// What a batch asks for.
#[derive(Debug, Default)]
struct Changes {
    environments: BTreeSet<EnvironmentKey>,
    services: BTreeSet<ServiceKey>,
    policies: BTreeSet<PolicyKey>,
    /// Those whose members are others: approvals count while their givers hold the role.
    projects: BTreeSet<ProjectSlug>,
    /// Of each service in the order in which they were sealed: the last one is to run in the end.
    sealed: BTreeMap<ServiceKey, Vec<ReleaseKey>>,
    /// Whether a tool was connected: what lacked it may go to DEV now.
    tools: bool,
}

impl Changes {
    fn of(batch: &Batch) -> Self {
        let mut changes = Self::default();
        batch.events.iter().for_each(|event| changes.take(event));
        changes
    }

    fn take(&mut self, event: &RecordedEvent) {
        let id = event.aggregate_id.as_str();
        match event.aggregate_type.as_str() {
            <ServiceEnvironment as Decide>::TYPE => {
                if let Ok(key) = id.parse::<EnvironmentKey>() {
                    // A look is no reason for another one.
                    if event.event_type != "GatesEvaluated" {
                        self.services.insert(key.service.clone());
                    }
                    self.environments.insert(key);
                }
            }
            <Release as Decide>::TYPE => {
                if let Ok(key) = id.parse::<ReleaseKey>() {
                    self.services.insert(key.service.clone());
                    if event.event_type == "ReleaseSealed" {
                        self.sealed.entry(key.service.clone()).or_default().push(key);
                    }
                }
            }
            <Artifact as Decide>::TYPE => {
                if let Ok(key) = id.parse::<ArtifactKey>() {
                    self.services.insert(key.service);
                }
            }
            <Project as Decide>::TYPE
                if matches!(event.event_type.as_str(), "RoleGranted" | "RoleRevoked") =>
            {
                self.projects.extend(id.parse::<ProjectSlug>().ok());
            }
            <Policy as Decide>::TYPE => {
                if let Ok(key) = id.parse() {
                    self.policies.insert(key);
                }
            }
            <ToolConnection as Decide>::TYPE => self.tools = true,
            _ => {}
        }
    }
}

/// Follows the journal until it is time to stop.
pub(super) async fn run(parts: &Parts) {
    keep_following("promoter", &parts.stop, || follow(parts)).await;
}

async fn follow(parts: &Parts) -> Result<(), JournalError> {
    let journal = parts.commands.journal();
    let mut subscription = journal.subscribe(notes::checkpoint(journal.pool()).await?);
    loop {
        let batch = tokio::select! {
            batch = subscription.next(BATCH) => batch?,
            () = parts.stop.cancelled() => return Ok(()),
        };
        carry_on(parts, Changes::of(&batch)).await?;
        // Whatever was not done before a crash is done again: all of it changes nothing the second time. Looks at gates are
        // only asked for by then, which outlives a crash as well.
        notes::note_position(journal.pool(), batch.position).await?;
    }
}

async fn carry_on(parts: &Parts, changes: Changes) -> Result<(), JournalError> {
    let pool = parts.commands.journal().pool();
    let environments = stream::iter(&changes.environments).map(Ok::<_, JournalError>);
    environments
        .try_for_each_concurrent(AT_ONCE, |key| note(parts, key))
        .await?;
    asked::services(pool, &changes.services).await?;
    asked::projects(pool, &changes.projects).await?;
    for policy in &changes.policies {
        asked::policy(pool, policy).await?;
    }
    parts.asked.notify_one();
    if changes.tools {
        notes::ask_for_all_releases(pool).await?;
    } else {
        notes::ask_for_releases(pool, &changes.services).await?;
    }
    let sealed = stream::iter(changes.sealed).map(Ok);
    sealed
        .try_for_each_concurrent(AT_ONCE, |(_, releases)| async move {
            for release in releases {
                to_dev::take(parts, &release).await?;
            }
            Ok(())
        })
        .await
}

async fn note(parts: &Parts, key: &EnvironmentKey) -> Result<(), JournalError> {
    let journal = parts.commands.journal();
    let now = journal.load_fresh::<ServiceEnvironment>(&key.to_string()).await?;
    Ok(notes::note(journal.pool(), key, &now.state).await?)
}
