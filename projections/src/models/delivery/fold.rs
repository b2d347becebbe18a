//! What events mean for delivery.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use opstella_domain::promotion::{EnvironmentEvent, EnvironmentKey, Health, PromotionId};
use opstella_domain::release::ReleaseKey;
use opstella_journal::RecordedEvent;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ApplyError;
use crate::decode::halves;
use crate::models::place::{self, refused};
use crate::models::rows::slug;

/// A promotion that is not over.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct PromotionRow {
    pub promotion_id: Uuid,
    pub release: String,
    pub kind: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct EnvironmentRow {
    pub project: String,
    pub service: String,
    pub environment: String,
    pub promotion_id: Option<Uuid>,
    pub down_since: Option<DateTime<Utc>>,
}

#[derive(Debug, Serialize)]
pub(super) struct ReleaseRow {
    pub project: String,
    pub service: String,
    pub version: String,
    pub registered_at: DateTime<Utc>,
    pub transaction_id: i64,
    pub position: i64,
}

#[derive(Debug, Serialize)]
pub(super) struct DeploymentRow {
    pub promotion_id: Uuid,
    pub project: String,
    pub service: String,
    pub environment: String,
    pub release: String,
    pub kind: String,
    pub outcome: &'static str,
    pub finished_at: DateTime<Utc>,
    pub transaction_id: i64,
    pub position: i64,
}

#[derive(Debug, Serialize)]
pub(super) struct RecoveryRow {
    pub transaction_id: i64,
    pub position: i64,
    pub project: String,
    pub service: String,
    pub environment: String,
    pub down_since: DateTime<Utc>,
    pub recovered_at: DateTime<Utc>,
}

/// What a batch concerns, and what follows from it.
#[derive(Default)]
pub(super) struct State {
    pub environments: BTreeMap<EnvironmentKey, EnvironmentRow>,
    /// Promotions that are not over.
    pub promotions: BTreeMap<PromotionId, PromotionRow>,
    /// Those that an earlier batch saw begin and this one saw end.
    pub over: BTreeSet<PromotionId>,
    pub releases: BTreeMap<ReleaseKey, ReleaseRow>,
    pub deployments: Vec<DeploymentRow>,
    pub recoveries: Vec<RecoveryRow>,
    /// Completed deployments that trouble followed.
    pub troubled: BTreeSet<Uuid>,
}

impl State {
    /// A release is there. The first registration counts.
    pub fn registered(&mut self, key: &ReleaseKey, recorded: &RecordedEvent) {
        let (project, service) = place::halves(&key.service);
        let (transaction_id, position) = halves(recorded);
        self.releases.entry(key.clone()).or_insert(ReleaseRow {
            project,
            service,
            version: key.version.to_string(),
            registered_at: recorded.recorded_at,
            transaction_id,
            position,
        });
    }

    /// The service of the environment is gone.
    pub fn gone(&mut self, key: &EnvironmentKey) {
        if let Some(environment) = self.environments.get_mut(key) {
            environment.promotion_id = None;
            environment.down_since = None;
        }
    }

    /// Folds in what happened to an environment.
    pub fn environment(
        &mut self,
        key: &EnvironmentKey,
        recorded: &RecordedEvent,
        event: &EnvironmentEvent,
    ) -> Result<(), ApplyError> {
        match event {
            EnvironmentEvent::PromotionRequested {
                promotion,
                kind,
                release,
                ..
            } => {
                let row = PromotionRow {
                    promotion_id: promotion.0,
                    release: release.to_string(),
                    kind: slug(kind)?,
                };
                self.promotions.insert(*promotion, row);
            }
            EnvironmentEvent::PromotionRejected { promotion, .. }
            | EnvironmentEvent::PromotionCancelled { promotion, .. } => {
                self.close(*promotion, recorded)?;
            }
            EnvironmentEvent::PromotionCompleted { promotion, at } => {
                let row = self.finished(key, *promotion, recorded, "completed", *at)?;
                let rollback = row.kind == "rollback";
                self.recovered(key, recorded, *at);
                let environment = self.at(key);
                let before = environment.promotion_id.replace(promotion.0);
                if rollback {
                    self.troubled.extend(before);
                }
            }
            EnvironmentEvent::PromotionFailed { promotion, at, .. } => {
                self.finished(key, *promotion, recorded, "failed", *at)?;
                self.at(key).down_since.get_or_insert(*at);
            }
            EnvironmentEvent::DeploymentRolledBack { promotion, at, .. } => {
                self.finished(key, *promotion, recorded, "rolled-back", *at)?;
                self.at(key).down_since.get_or_insert(*at);
            }
            EnvironmentEvent::HealthChanged { health, at } => match health {
                Health::Degraded => {
                    let environment = self.at(key);
                    environment.down_since.get_or_insert(*at);
                    let current = environment.promotion_id;
                    self.troubled.extend(current);
                }
                Health::Healthy => self.recovered(key, recorded, *at),
            },
            _ => {}
        }
        Ok(())
    }

    fn at(&mut self, key: &EnvironmentKey) -> &mut EnvironmentRow {
        self.environments.entry(key.clone()).or_insert_with(|| {
            let (project, service) = place::halves(&key.service);
            EnvironmentRow {
                project,
                service,
                environment: key.environment.to_string(),
                promotion_id: None,
                down_since: None,
            }
        })
    }

    fn close(&mut self, id: PromotionId, recorded: &RecordedEvent) -> Result<PromotionRow, ApplyError> {
        self.over.insert(id);
        self.promotions
            .remove(&id)
            .ok_or_else(|| refused(recorded, format!("there is no promotion {id} that is not over")))
    }

    fn finished(
        &mut self,
        key: &EnvironmentKey,
        id: PromotionId,
        recorded: &RecordedEvent,
        outcome: &'static str,
        at: DateTime<Utc>,
    ) -> Result<PromotionRow, ApplyError> {
        let row = self.close(id, recorded)?;
        let (project, service) = place::halves(&key.service);
        let (transaction_id, position) = halves(recorded);
        self.deployments.push(DeploymentRow {
            promotion_id: id.0,
            project,
            service,
            environment: key.environment.to_string(),
            release: row.release.clone(),
            kind: row.kind.clone(),
            outcome,
            finished_at: at,
            transaction_id,
            position,
        });
        Ok(row)
    }

    /// It is well again, if something was wrong.
    fn recovered(&mut self, key: &EnvironmentKey, recorded: &RecordedEvent, at: DateTime<Utc>) {
        let environment = self.at(key);
        let Some(down_since) = environment.down_since.take() else {
            return;
        };
        let (project, service) = (environment.project.clone(), environment.service.clone());
        let environment = environment.environment.clone();
        let (transaction_id, position) = halves(recorded);
        self.recoveries.push(RecoveryRow {
            transaction_id,
            position,
            project,
            service,
            environment,
            down_since,
            recovered_at: at,
        });
    }
}
