//! One service as the catalog keeps it: the aggregate itself, and when what became what.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use opstella_domain::service::{Change, ComponentSpec, Lifecycle, Service, ServiceEvent};
use opstella_domain::{Decide, Environment, RunId, ServiceKey};
use opstella_journal::RecordedEvent;
use serde::{Deserialize, Serialize};

use crate::decode::bigint;

/// Kept in `services.state`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ServiceRecord {
    pub service: Service,
    pub key: ServiceKey,
    pub requested_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub version: i64,
    pub last_run: RunId,
    pub cause: Option<String>,
    pub left_behind: bool,
    /// Since when each component and environment is what it is, by [`Part::tag`].
    pub since: BTreeMap<String, (String, DateTime<Utc>)>,
}

/// A component or an environment, and whether it is there.
pub(super) struct Part<'a> {
    pub what: What<'a>,
    pub state: &'static str,
}

pub(super) enum What<'a> {
    Component(&'a ComponentSpec),
    Environment(Environment),
}

impl Part<'_> {
    /// Its name among all parts of the service.
    pub fn tag(&self) -> String {
        match self.what {
            What::Component(component) => format!("component {}", component.name),
            What::Environment(environment) => format!("environment {environment}"),
        }
    }
}

impl ServiceRecord {
    /// The record of a service that is asked for. Its parts begin with it, also when there was one of that name before;
    /// what that one left behind is not forgotten.
    pub fn new(key: ServiceKey, run: RunId, event: &RecordedEvent, before: Option<Service>) -> Self {
        Self {
            service: before.unwrap_or_default(),
            key,
            requested_at: event.recorded_at,
            updated_at: event.recorded_at,
            version: bigint(event.sequence),
            last_run: run,
            cause: None,
            left_behind: false,
            since: BTreeMap::new(),
        }
    }

    /// Folds one event in.
    pub fn evolve(&mut self, recorded: &RecordedEvent, event: ServiceEvent) {
        self.updated_at = recorded.recorded_at;
        self.version = bigint(recorded.sequence);
        self.cause = match &event {
            ServiceEvent::ServiceProvisioningFailed { cause, .. }
            | ServiceEvent::ComponentAdditionFailed { cause, .. }
            | ServiceEvent::EnvironmentAdditionFailed { cause, .. }
            | ServiceEvent::ServiceDecommissionAbandoned { cause, .. } => Some(cause.clone()),
            _ => None,
        };
        self.service.evolve(event);
        // Also what an earlier run left, until it is made or removed.
        self.left_behind = self.service.left_behind();
        if let Some(run) = self.service.run {
            self.last_run = run;
        }
        let now: Vec<_> = self
            .parts()
            .iter()
            .map(|part| (part.tag(), part.state.to_owned()))
            .collect();
        let before = std::mem::take(&mut self.since);
        for (tag, state) in now {
            let since = match before.get(&tag) {
                Some((old, since)) if *old == state => *since,
                _ => recorded.recorded_at,
            };
            self.since.insert(tag, (state, since));
        }
    }

    /// Its components and environments, in order, with the one that is being added.
    pub fn parts(&self) -> Vec<Part<'_>> {
        let state = match self.service.lifecycle {
            Lifecycle::Unknown | Lifecycle::Provisioning => "requested",
            Lifecycle::Active | Lifecycle::Decommissioning => "present",
            Lifecycle::ProvisioningFailed | Lifecycle::Decommissioned => "removed",
        };
        let component = |component, state| Part {
            what: What::Component(component),
            state,
        };
        let environment = |environment, state| Part {
            what: What::Environment(environment),
            state,
        };
        let mut parts: Vec<_> = self
            .service
            .components
            .iter()
            .map(|c| component(c, state))
            .collect();
        let chosen = self.service.environments.iter().flat_map(|set| set.iter());
        parts.extend(chosen.map(|e| environment(e, state)));
        match &self.service.change {
            Some(Change::Component(added)) => parts.push(component(added, "requested")),
            Some(Change::Environment(added)) => parts.push(environment(*added, "requested")),
            None => {}
        }
        parts
    }
}
