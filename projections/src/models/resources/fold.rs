//! What the events say about resources.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use opstella_domain::plan::{SagaKind, StepId};
use opstella_domain::resource::{Provenance, StepOutcome};
use opstella_domain::run::{Run, RunEvent};
use opstella_domain::service::{Service, ServiceEvent};
use opstella_domain::{Decide, RunId, ServiceKey};
use opstella_journal::{Position, RecordedEvent};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ApplyError;
use crate::decode::decode;
use crate::models::rows::slug;

/// One event, as far as resources are concerned.
pub(super) struct Fact {
    position: Position,
    at: DateTime<Utc>,
    pub of: Of,
}

pub(super) enum Of {
    Run(RunId, RunEvent),
    Decommissioned(ServiceKey),
}

/// The facts of a batch, in order.
pub(super) fn facts(batch: &[RecordedEvent]) -> Result<Vec<Fact>, ApplyError> {
    let mut facts = Vec::new();
    for event in batch {
        let (position, at) = (event.position, event.recorded_at);
        let refused = |reason: String| ApplyError::Refused { position, reason };
        match event.aggregate_type.as_str() {
            <Run as Decide>::TYPE => {
                let id = event
                    .aggregate_id
                    .parse()
                    .map_err(|error| refused(format!("{error}")))?;
                let of = Of::Run(id, decode(event)?);
                facts.push(Fact { position, at, of });
            }
            <Service as Decide>::TYPE => {
                if let ServiceEvent::ServiceDecommissioned { .. } = decode(event)? {
                    let key = event
                        .aggregate_id
                        .parse()
                        .map_err(|error| refused(format!("{error}")))?;
                    let of = Of::Decommissioned(key);
                    facts.push(Fact { position, at, of });
                }
            }
            _ => {}
        }
    }
    Ok(facts)
}

/// A resource within its service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub tool: String,
    pub kind: String,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ResourceRow {
    pub project: String,
    pub service: String,
    pub tool: String,
    pub kind: String,
    pub name: String,
    pub url: Option<String>,
    pub provenance: String,
    pub run_id: Uuid,
    pub step: String,
    pub since: DateTime<Utc>,
    pub confirmed_at: DateTime<Utc>,
    pub left_behind: bool,
    pub removed_at: Option<DateTime<Utc>>,
    pub removal: Option<String>,
}

/// Which service a run is for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct RunRow {
    pub run_id: Uuid,
    pub project: String,
    pub service: String,
    pub makes: bool,
}

/// The runs and the services that a batch concerns.
#[derive(Default)]
pub(super) struct State {
    /// The service of each, and whether its steps make what the service has.
    pub runs: BTreeMap<RunId, (ServiceKey, bool)>,
    pub new_runs: Vec<RunRow>,
    pub resources: BTreeMap<ServiceKey, BTreeMap<Place, ResourceRow>>,
    pub stored: BTreeMap<ServiceKey, BTreeMap<Place, ResourceRow>>,
}

impl State {
    pub fn fold(&mut self, fact: Fact) -> Result<(), ApplyError> {
        let Fact { position, at, of } = fact;
        let (id, event) = match of {
            Of::Decommissioned(key) => {
                // What no step removed is no longer the service's: a group that its project shares, say. What was left
                // behind is there still, and nobody else's.
                self.each(&key, |row| {
                    if !row.left_behind {
                        row.remove(at, "released");
                    }
                });
                return Ok(());
            }
            Of::Run(id, event) => (id, event),
        };
        if let RunEvent::RunPlanned { service, saga, .. } = event {
            let makes = saga != SagaKind::Promote;
            self.new_runs.push(RunRow {
                run_id: id.0,
                project: service.project.to_string(),
                service: service.service.to_string(),
                makes,
            });
            self.runs.insert(id, (service, makes));
            return Ok(());
        }
        let (key, makes) = self.runs.get(&id).cloned().ok_or_else(|| ApplyError::Refused {
            position,
            reason: format!("there is no run {id}"),
        })?;
        if !makes {
            return Ok(());
        }
        match event {
            RunEvent::StepSucceeded {
                step,
                outcome: Some(outcome),
                ..
            } => {
                self.found(&key, id, &step, outcome, at)?;
            }
            // A removing saga's success: gone.
            RunEvent::StepSucceeded {
                step, outcome: None, ..
            } => {
                self.each(&key, |row| {
                    if row.step == step.as_str() {
                        row.remove(at, "deleted");
                    }
                });
            }
            RunEvent::StepCompensated { step, deleted, .. } => {
                let (created, adopted) = (slug(&Provenance::Created)?, slug(&Provenance::Adopted)?);
                self.each(&key, |row| {
                    if row.step != step.as_str() || row.run_id != id.0 {
                        return;
                    }
                    // Of what was adopted, only a secret that the run made for it goes.
                    if (deleted && row.provenance != adopted) || row.provenance == created {
                        row.remove(at, "deleted");
                    } else if row.since == row.confirmed_at {
                        // This run was the first to claim it, and made nothing: it stays, but not as the service's.
                        row.remove(at, "released");
                    }
                });
            }
            RunEvent::RunFailed { left_behind, .. }
            | RunEvent::RunCancelled { left_behind, .. }
            | RunEvent::RunAbandoned { left_behind, .. }
            | RunEvent::RunSucceeded { left_behind } => {
                let left: BTreeSet<&str> = left_behind.iter().map(StepId::as_str).collect();
                // A removal leaves what other runs made; so does one that came to nothing before it vouched for it.
                self.each(&key, |row| {
                    if left.contains(row.step.as_str()) && row.removed_at.is_none() {
                        row.left_behind = true;
                    }
                });
            }
            _ => {}
        }
        Ok(())
    }

    fn each(&mut self, key: &ServiceKey, mut change: impl FnMut(&mut ResourceRow)) {
        if let Some(rows) = self.resources.get_mut(key) {
            rows.values_mut().for_each(&mut change);
        }
    }

    fn found(
        &mut self,
        key: &ServiceKey,
        run: RunId,
        step: &StepId,
        outcome: StepOutcome,
        at: DateTime<Utc>,
    ) -> Result<(), ApplyError> {
        let resource = outcome.resource;
        let place = Place {
            tool: resource.tool.slug().to_owned(),
            kind: resource.kind.clone(),
            name: resource.name.clone(),
        };
        let rows = self.resources.entry(key.clone()).or_default();
        let since = rows
            .get(&place)
            .filter(|row| row.removed_at.is_none())
            .map_or(at, |row| row.since);
        let row = ResourceRow {
            project: key.project.to_string(),
            service: key.service.to_string(),
            tool: place.tool.clone(),
            kind: resource.kind,
            name: resource.name,
            url: resource.url,
            provenance: slug(&outcome.provenance)?,
            run_id: run.0,
            step: step.to_string(),
            since,
            confirmed_at: at,
            left_behind: false,
            removed_at: None,
            removal: None,
        };
        rows.insert(place, row);
        Ok(())
    }
}

impl ResourceRow {
    fn remove(&mut self, at: DateTime<Utc>, how: &str) {
        if self.removed_at.is_none() {
            self.removed_at = Some(at);
            self.removal = Some(how.to_owned());
        }
    }
}
