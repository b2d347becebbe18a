//! Follows the journal: what makes gates be looked at again, and releases that go to DEV.

use opstella_domain::evidence::{Artifact, ArtifactKey};
use opstella_domain::policy::{Policy, PolicyKey};
use opstella_domain::project::Project;
use opstella_domain::promotion::{EnvironmentKey, ServiceEnvironment};
use opstella_domain::release::{Release, ReleaseKey};
use opstella_domain::{Decide, ServiceKey};
use opstella_journal::{Batch, JournalError, RecordedEvent};
use std::collections::BTreeSet;

use super::{Parts, clock, notes, to_dev};
use crate::background::keep_following;

const BATCH: usize = 200;

/// What a batch asks for.
#[derive(Debug, Default)]
struct Changes {
    environments: BTreeSet<EnvironmentKey>,
    services: BTreeSet<ServiceKey>,
    policies: BTreeSet<PolicyKey>,
    /// Those whose members are others: approvals count while their givers hold the role.
    projects: BTreeSet<String>,
    /// In the order in which they were sealed: the last one is to run in the end.
    sealed: Vec<ReleaseKey>,
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
                        self.sealed.push(key);
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
                self.projects.insert(id.to_owned());
            }
            <Policy as Decide>::TYPE => {
                if let Ok(key) = id.parse() {
                    self.policies.insert(key);
                }
            }
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
    let pool = journal.pool();
    let mut subscription = journal.subscribe(notes::checkpoint(pool).await?);
    loop {
        let batch = tokio::select! {
            batch = subscription.next(BATCH) => batch?,
            () = parts.stop.cancelled() => return Ok(()),
        };
        let changes = Changes::of(&batch);
        for key in &changes.environments {
            let now = journal.load_fresh::<ServiceEnvironment>(&key.to_string()).await?;
            notes::note(pool, key, &now.state).await?;
        }
        for release in &changes.sealed {
            to_dev::take(parts, release).await?;
        }
        for service in &changes.services {
            clock::look_at_all(parts, &format!("{service}/")).await?;
        }
        for project in &changes.projects {
            clock::look_at_all(parts, &format!("{project}/")).await?;
        }
        for policy in &changes.policies {
            let prefix = policy
                .project
                .as_ref()
                .map(|p| format!("{p}/"))
                .unwrap_or_default();
            clock::look_at_all(parts, &prefix).await?;
        }
        // Whatever was not done before a crash is done again: all of it changes nothing the second time.
        notes::note_position(pool, batch.position).await?;
    }
}
