//! Loading the environments and promotions that a batch concerns, and writing them back.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use opstella_domain::promotion::{EnvironmentEvent, EnvironmentKey, PromotionId};
use opstella_domain::service::ServiceEvent;
use opstella_domain::{Environment, ServiceKey};
use opstella_journal::RecordedEvent;
use sqlx::PgConnection;

use super::Fact;
use super::environment::EnvironmentRow;
use super::promotion::{PromotionRow, promotion_of};
use crate::ApplyError;
use crate::models::place::refused;
use crate::models::rows;

const LOAD_ENVIRONMENTS: &str = "
SELECT to_jsonb(e) FROM environments e JOIN jsonb_to_recordset($1) AS k(project text, service text)
    ON e.project = k.project AND e.service = k.service";

const LOAD_PROMOTIONS: &str = "SELECT to_jsonb(p) FROM promotions p WHERE p.id IN (SELECT k::uuid FROM jsonb_array_elements_text($1) AS k)";

const ENVIRONMENTS: &str = "
INSERT INTO environments
SELECT * FROM jsonb_to_recordset($1) AS r(project text, service text, environment text, ordinal integer,
    present boolean, release text, promotion_id uuid, images jsonb, since timestamptz, health text, drift jsonb,
    drift_since timestamptz, in_flight_id uuid, in_flight_release text, in_flight_state text, waiting integer,
    updated_at timestamptz, sequence bigint, state jsonb)
ON CONFLICT (project, service, environment) DO UPDATE SET present = excluded.present, release = excluded.release,
    promotion_id = excluded.promotion_id, images = excluded.images, since = excluded.since, health = excluded.health,
    drift = excluded.drift, drift_since = excluded.drift_since, in_flight_id = excluded.in_flight_id,
    in_flight_release = excluded.in_flight_release, in_flight_state = excluded.in_flight_state,
    waiting = excluded.waiting, updated_at = excluded.updated_at, sequence = excluded.sequence,
    state = excluded.state";

const PROMOTIONS: &str = "
INSERT INTO promotions
SELECT * FROM jsonb_to_recordset($1) AS r(id uuid, project text, service text, environment text, kind text,
    release text, images jsonb, requester text, authors text[], authors_by_id boolean, change_reference text, state text,
    policy_platform bigint, policy_project bigint, gates jsonb, approvals jsonb, approvals_voided integer,
    wanted_roles text[], independent_approvers boolean, freeze_override jsonb, run_id uuid, cause text,
    left_behind boolean, back_to text, ended_by text, requested_at timestamptz, evaluated_at timestamptz, started_at timestamptz,
    finished_at timestamptz, updated_at timestamptz, transaction_id bigint, position bigint,
    end_transaction_id bigint, end_position bigint)
ON CONFLICT (id) DO UPDATE SET state = excluded.state, policy_platform = excluded.policy_platform,
    policy_project = excluded.policy_project, gates = excluded.gates, approvals = excluded.approvals,
    approvals_voided = excluded.approvals_voided, wanted_roles = excluded.wanted_roles,
    independent_approvers = excluded.independent_approvers,
    freeze_override = excluded.freeze_override, run_id = excluded.run_id, cause = excluded.cause,
    left_behind = excluded.left_behind, back_to = excluded.back_to, ended_by = excluded.ended_by,
    evaluated_at = excluded.evaluated_at, started_at = excluded.started_at, finished_at = excluded.finished_at,
    updated_at = excluded.updated_at, end_transaction_id = excluded.end_transaction_id,
    end_position = excluded.end_position";

/// What a batch concerns.
pub(super) struct State {
    environments: BTreeMap<EnvironmentKey, EnvironmentRow>,
    promotions: BTreeMap<PromotionId, PromotionRow>,
    /// What the batch changed.
    touched: BTreeSet<EnvironmentKey>,
}

pub(super) async fn load(
    tx: &mut PgConnection,
    facts: &[(&RecordedEvent, Fact)],
) -> Result<State, ApplyError> {
    let (mut services, mut promotions, mut new) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (_, fact) in facts {
        match fact {
            Fact::Service(key, _) => {
                services.insert(key.clone());
            }
            Fact::Environment(key, event) => {
                services.insert(key.service.clone());
                promotions.extend(promotion_of(event));
                if let EnvironmentEvent::PromotionRequested { promotion, .. } = event {
                    new.insert(*promotion);
                }
            }
        }
    }
    let services: Vec<ServiceKey> = services.into_iter().collect();
    let known: Vec<PromotionId> = promotions.difference(&new).copied().collect();
    let mut environments = BTreeMap::new();
    for row in rows::read::<_, EnvironmentRow>(tx, LOAD_ENVIRONMENTS, &services).await? {
        environments.insert(row.key()?, row);
    }
    let promotions = rows::read::<_, PromotionRow>(tx, LOAD_PROMOTIONS, &known).await?;
    Ok(State {
        environments,
        promotions: promotions
            .into_iter()
            .map(|row| (PromotionId(row.id), row))
            .collect(),
        touched: BTreeSet::new(),
    })
}

impl State {
    /// Folds in what happened to an environment.
    pub fn environment(
        &mut self,
        key: &EnvironmentKey,
        recorded: &RecordedEvent,
        event: EnvironmentEvent,
    ) -> Result<(), ApplyError> {
        if let Some(row) = PromotionRow::requested(recorded, &event)? {
            self.promotions.insert(PromotionId(row.id), row);
        }
        let environment = self.touch(key, recorded.recorded_at);
        environment.evolve(recorded, event.clone())?;
        let Some(id) = promotion_of(&event) else {
            return Ok(());
        };
        let (Some(environment), Some(promotion)) = (self.environments.get(key), self.promotions.get_mut(&id))
        else {
            return Err(refused(recorded, format!("there is no promotion {id}")));
        };
        promotion.evolve(recorded, &event, &environment.state)
    }

    /// Folds in what gives a service environments or takes them.
    pub fn service(
        &mut self,
        key: &ServiceKey,
        recorded: &RecordedEvent,
        event: &ServiceEvent,
    ) -> Result<(), ApplyError> {
        let at = recorded.recorded_at;
        let of = |environment: Environment| EnvironmentKey {
            service: key.clone(),
            environment,
        };
        match event {
            ServiceEvent::ServiceRequested { environments, .. } => {
                for environment in environments.iter() {
                    self.touch(&of(environment), at).appears(at);
                }
            }
            ServiceEvent::EnvironmentAdded { environment, .. } => {
                self.touch(&of(*environment), at).appears(at);
            }
            ServiceEvent::ServiceProvisioningFailed { .. } | ServiceEvent::ServiceDecommissioned { .. } => {
                for environment in Environment::all().map(of) {
                    if self.environments.contains_key(&environment) {
                        self.touch(&environment, at).vanishes(at)?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The row of an environment, which will be written.
    fn touch(&mut self, key: &EnvironmentKey, at: DateTime<Utc>) -> &mut EnvironmentRow {
        self.touched.insert(key.clone());
        self.environments
            .entry(key.clone())
            .or_insert_with(|| EnvironmentRow::new(key, at))
    }
}

pub(super) async fn write(tx: &mut PgConnection, state: State) -> Result<(), ApplyError> {
    let State {
        environments,
        promotions,
        touched,
    } = state;
    let environments: Vec<EnvironmentRow> = environments
        .into_iter()
        .filter(|(key, _)| touched.contains(key))
        .map(|(_, row)| row)
        .collect();
    let promotions: Vec<PromotionRow> = promotions.into_values().collect();
    rows::write(tx, ENVIRONMENTS, &environments).await?;
    rows::write(tx, PROMOTIONS, &promotions).await
}
