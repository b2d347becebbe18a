//! The row of an environment, and the aggregate in it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use opstella_domain::promotion::{EnvironmentEvent, EnvironmentKey, PromotionState, ServiceEnvironment};
use opstella_domain::release::Digest;
use opstella_domain::{ComponentName, Decide};
use opstella_journal::RecordedEvent;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ApplyError;
use crate::decode::{bigint, integer};
use crate::models::place::{self, order};
use crate::models::rows::{slug, unslug};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct EnvironmentRow {
    pub project: String,
    pub service: String,
    pub environment: String,
    pub ordinal: i32,
    pub present: bool,
    pub release: Option<String>,
    pub promotion_id: Option<Uuid>,
    pub images: BTreeMap<ComponentName, Digest>,
    pub since: Option<DateTime<Utc>>,
    pub health: Option<String>,
    pub drift: Option<BTreeMap<ComponentName, String>>,
    pub drift_since: Option<DateTime<Utc>>,
    pub in_flight_id: Option<Uuid>,
    pub in_flight_release: Option<String>,
    pub in_flight_state: Option<String>,
    pub waiting: i32,
    pub updated_at: DateTime<Utc>,
    pub sequence: i64,
    pub state: ServiceEnvironment,
}

impl EnvironmentRow {
    /// An environment of which nothing is known yet.
    pub fn new(key: &EnvironmentKey, at: DateTime<Utc>) -> Self {
        let (project, service) = place::halves(&key.service);
        Self {
            project,
            service,
            environment: key.environment.to_string(),
            ordinal: order(key.environment),
            present: false,
            release: None,
            promotion_id: None,
            images: BTreeMap::new(),
            since: None,
            health: None,
            drift: None,
            drift_since: None,
            in_flight_id: None,
            in_flight_release: None,
            in_flight_state: None,
            waiting: 0,
            updated_at: at,
            sequence: 0,
            state: ServiceEnvironment::default(),
        }
    }

    /// The key that it was made of.
    pub fn key(&self) -> Result<EnvironmentKey, ApplyError> {
        Ok(EnvironmentKey {
            service: opstella_domain::ServiceKey {
                project: unslug(&self.project)?,
                service: unslug(&self.service)?,
            },
            environment: unslug(&self.environment)?,
        })
    }

    /// Folds one event in.
    pub fn evolve(&mut self, recorded: &RecordedEvent, event: EnvironmentEvent) -> Result<(), ApplyError> {
        self.state.evolve(event);
        // Every promotion has a row of its own; the aggregate remembers them to decide on rollbacks.
        self.state.history.clear();
        self.updated_at = recorded.recorded_at;
        self.sequence = bigint(recorded.sequence);
        self.show()
    }

    /// The service has it.
    pub fn appears(&mut self, at: DateTime<Utc>) {
        self.present = true;
        self.updated_at = at;
    }

    /// The service has it no more, and nothing runs there. Promotions stay: they end by events of their own.
    pub fn vanishes(&mut self, at: DateTime<Utc>) -> Result<(), ApplyError> {
        self.present = false;
        self.updated_at = at;
        self.state.current = None;
        self.state.drift = None;
        self.show()
    }

    /// Brings the columns to what the aggregate says.
    fn show(&mut self) -> Result<(), ApplyError> {
        let current = self.state.current.as_ref();
        self.release = current.map(|d| d.release.to_string());
        self.promotion_id = current.map(|d| d.promotion.0);
        self.since = current.map(|d| d.since);
        self.health = current.map(|d| slug(&d.health)).transpose()?;
        self.images = self.state.images();
        self.drift = self.state.drift.as_ref().map(|drift| drift.found.clone());
        self.drift_since = self.state.drift.as_ref().map(|drift| drift.since);
        let in_flight = self.state.in_flight.as_ref();
        self.in_flight_id = in_flight.map(|p| p.id.0);
        self.in_flight_release = in_flight.map(|p| p.release.to_string());
        self.in_flight_state = in_flight.map(|p| word(p.state()));
        self.waiting = integer(self.state.queue.len());
        Ok(())
    }
}

/// The name of a state in the API.
pub(super) fn word(state: PromotionState) -> String {
    <&'static str>::from(state).to_owned()
}
