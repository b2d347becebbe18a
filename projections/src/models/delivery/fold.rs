//! What events mean for delivery.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use opstella_domain::promotion::{EnvironmentEvent, EnvironmentKey, Health, PromotionId};
use opstella_domain::release::{Commit, ReleaseImage, ReleaseKey};
use opstella_domain::{ComponentName, ServiceKey};
use opstella_journal::RecordedEvent;
use uuid::Uuid;

use super::rows::{
    ChangeRow, DeploymentRow, EnvironmentRow, PromotionRow, ReachedRow, RecoveryRow, Registered, ReleaseRow,
    ShipmentRow,
};
use crate::ApplyError;
use crate::decode::halves;
use crate::models::place::{self, refused};
use crate::models::rows::{slug, unslug};

/// What a batch concerns, and what follows from it.
#[derive(Default)]
pub(super) struct State {
    pub environments: BTreeMap<EnvironmentKey, EnvironmentRow>,
    /// How far each component has come.
    pub reached: BTreeMap<(EnvironmentKey, ComponentName), ReachedRow>,
    /// Promotions that are not over.
    pub promotions: BTreeMap<PromotionId, PromotionRow>,
    /// Those that an earlier batch saw begin and this one saw end.
    pub over: BTreeSet<PromotionId>,
    /// When releases were registered, of those that earlier batches saw and this one may see arrive.
    pub registered: BTreeMap<ReleaseKey, Registered>,
    pub releases: BTreeMap<ReleaseKey, ReleaseRow>,
    pub changes: BTreeMap<(ServiceKey, ComponentName, Commit), ChangeRow>,
    pub deployments: Vec<DeploymentRow>,
    pub shipments: Vec<ShipmentRow>,
    pub recoveries: Vec<RecoveryRow>,
    /// Deployments that ill health followed.
    pub troubled: BTreeSet<Uuid>,
    /// Those of which a rollback took back what they brought.
    pub taken_back: BTreeSet<Uuid>,
}

impl State {
    /// Images of a release are there. The first registration counts, and the first release that has a commit.
    pub fn registered(&mut self, key: &ReleaseKey, images: Vec<ReleaseImage>, recorded: &RecordedEvent) {
        let (project, service) = place::halves(&key.service);
        let (transaction_id, position) = halves(recorded);
        for image in images {
            let row = ChangeRow {
                project: project.clone(),
                service: service.clone(),
                component: image.component.to_string(),
                commit: image.commit.to_string(),
                version: key.version.to_string(),
                committed_at: image.committed_at,
                transaction_id,
                position,
            };
            let change = (key.service.clone(), image.component, image.commit);
            self.changes.entry(change).or_insert(row);
        }
        self.releases.entry(key.clone()).or_insert(ReleaseRow {
            project,
            service,
            version: key.version.to_string(),
            registered_at: recorded.recorded_at,
            transaction_id,
            position,
        });
    }

    /// The service of the environment is gone, and with it all that never came there.
    pub fn gone(&mut self, key: &EnvironmentKey, recorded: &RecordedEvent) {
        let environment = self.at(key);
        environment.promotion_id = None;
        environment.brought_at = None;
        environment.down_since = None;
        let (transaction_id, position) = halves(recorded);
        environment.gone_transaction_id = Some(transaction_id);
        environment.gone_position = Some(position);
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
                images,
                ..
            } => {
                let row = PromotionRow {
                    promotion_id: promotion.0,
                    release: release.to_string(),
                    kind: slug(kind)?,
                    started_at: None,
                    components: images.keys().cloned().collect(),
                };
                self.promotions.insert(*promotion, row);
            }
            EnvironmentEvent::DeploymentStarted { promotion, .. } => {
                if let Some(row) = self.promotions.get_mut(promotion) {
                    row.started_at = Some(recorded.recorded_at);
                }
            }
            EnvironmentEvent::PromotionRejected { promotion, .. }
            | EnvironmentEvent::PromotionCancelled { promotion, .. } => {
                self.close(*promotion, recorded)?;
            }
            EnvironmentEvent::PromotionCompleted { promotion, at } => {
                let row = self.finished(key, *promotion, recorded, "completed", *at)?;
                let environment = self.at(key);
                let before = environment.promotion_id.replace(promotion.0);
                let brought = environment.brought_at.replace(*at);
                if row.forward() {
                    self.recovered(key, recorded, None, *at);
                    self.shipped(key, recorded, &row, *at)?;
                } else {
                    // Taken back although nothing said that it was ill: it was wrong from the start.
                    self.recovered(key, recorded, brought, *at);
                    self.taken_back.extend(before);
                }
            }
            // What was left behind may be what runs: if it is ill, that is not the fault of what ran before.
            EnvironmentEvent::PromotionFailed {
                promotion,
                left_behind: true,
                at,
                ..
            } => {
                let row = self.finished(key, *promotion, recorded, "failed", *at)?;
                let environment = self.at(key);
                environment.promotion_id = Some(promotion.0);
                if row.forward() {
                    environment
                        .down_since
                        .get_or_insert(row.started_at.unwrap_or(*at));
                }
            }
            EnvironmentEvent::PromotionFailed { promotion, at, .. } => {
                self.finished(key, *promotion, recorded, "unchanged", *at)?;
            }
            // What ran before is back: healthy, the run has waited for that; but what was ill may still be, and only what
            // comes later says that it is well.
            EnvironmentEvent::DeploymentRolledBack { promotion, at, .. } => {
                let row = self.finished(key, *promotion, recorded, "rolled-back", *at)?;
                let start = row.forward().then_some(row.started_at.unwrap_or(*at));
                if self.at(key).down_since.is_none() {
                    self.recovered(key, recorded, start, *at);
                }
            }
            EnvironmentEvent::HealthChanged { health, at } => match health {
                Health::Degraded => {
                    let environment = self.at(key);
                    environment.down_since.get_or_insert(*at);
                    environment.brought_at = None;
                    let current = environment.promotion_id;
                    self.troubled.extend(current);
                }
                Health::Healthy => self.recovered(key, recorded, None, *at),
            },
            _ => {}
        }
        Ok(())
    }

    fn at(&mut self, key: &EnvironmentKey) -> &mut EnvironmentRow {
        self.environments
            .entry(key.clone())
            .or_insert_with(|| EnvironmentRow::new(key))
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

    /// A release came, and with it, of each component that it has an image of, the changes since the furthest one that
    /// brought that component there before.
    fn shipped(
        &mut self,
        key: &EnvironmentKey,
        recorded: &RecordedEvent,
        row: &PromotionRow,
        at: DateTime<Utc>,
    ) -> Result<(), ApplyError> {
        let release = ReleaseKey {
            service: key.service.clone(),
            version: unslug(&row.release)?,
        };
        let new = |row: &ReleaseRow| (row.transaction_id, row.position);
        let known = self.registered.get(&release).copied();
        let Some(up_to) = known.or_else(|| self.releases.get(&release).map(new)) else {
            return Ok(());
        };
        let gone = self.at(key).gone();
        let (transaction_id, position) = halves(recorded);
        for component in &row.components {
            let (project, service) = place::halves(&key.service);
            let environment = key.environment.to_string();
            let after = self.reaches(key, component, up_to).max(gone);
            self.shipments.push(ShipmentRow {
                promotion_id: row.promotion_id,
                project,
                service,
                environment,
                component: component.clone(),
                finished_at: at,
                transaction_id,
                position,
                after,
                up_to,
            });
        }
        Ok(())
    }

    /// All of a component that was registered until then has come to the environment; where it stood before.
    fn reaches(&mut self, key: &EnvironmentKey, component: &ComponentName, up_to: Registered) -> Registered {
        let (project, service) = place::halves(&key.service);
        let row = self
            .reached
            .entry((key.clone(), component.clone()))
            .or_insert_with(|| ReachedRow {
                project,
                service,
                environment: key.environment.to_string(),
                component: component.clone(),
                transaction_id: 0,
                position: 0,
            });
        let before = (row.transaction_id, row.position);
        (row.transaction_id, row.position) = before.max(up_to);
        before
    }

    /// It is well again, if something was wrong: since it is known to be, else since `otherwise`.
    fn recovered(
        &mut self,
        key: &EnvironmentKey,
        recorded: &RecordedEvent,
        otherwise: Option<DateTime<Utc>>,
        at: DateTime<Utc>,
    ) {
        let environment = self.at(key);
        let Some(down_since) = environment.down_since.take().or(otherwise) else {
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
