//! What an event does to an environment.

use chrono::{DateTime, Utc};

use super::aggregate::MAX_HISTORY;
use super::{
    Deployment, Drift, EnvironmentEvent, FreezeOverride, Health, Promotion, PromotionId, ServiceEnvironment,
};
use crate::policy::PolicyVersions;
use crate::release::ReleaseVersion;

impl ServiceEnvironment {
    /// Folds an event into the state.
    pub(super) fn fold(&mut self, event: EnvironmentEvent) {
        match event {
            EnvironmentEvent::PromotionRequested {
                promotion,
                kind,
                release,
                images,
                requester,
                authors,
                change_reference,
                queued,
                at,
                ..
            } => {
                let requested = Promotion {
                    id: promotion,
                    kind,
                    release,
                    images,
                    requester,
                    authors,
                    change_reference,
                    requested_at: at,
                    policy: PolicyVersions::default(),
                    gates: Vec::new(),
                    basis: None,
                    independent_approvers: false,
                    approvals: Vec::new(),
                    freeze_override: None,
                    run: None,
                    deploying_since: None,
                };
                match queued {
                    true => self.queue.push_back(requested),
                    false => self.in_flight = Some(requested),
                }
            }
            EnvironmentEvent::PromotionTakenUp { promotion } => {
                if let Some(place) = self.queue.iter().position(|p| p.id == promotion) {
                    self.in_flight = self.queue.remove(place);
                }
            }
            EnvironmentEvent::GatesEvaluated {
                promotion,
                policy,
                gates,
                basis,
                independent_approvers,
                ..
            } => self.with(promotion, |p| {
                p.policy = policy;
                p.gates = gates;
                p.basis = Some(basis);
                p.independent_approvers = independent_approvers;
            }),
            EnvironmentEvent::PromotionApproved { promotion, approval } => self.with(promotion, |p| {
                p.approvals.retain(|a| a.by != approval.by);
                p.approvals.push(approval);
            }),
            EnvironmentEvent::ApprovalsVoided { promotion, .. } => {
                self.with(promotion, |p| p.approvals.clear());
            }
            EnvironmentEvent::FreezeOverrideRequested {
                promotion,
                by,
                freezes,
                ..
            } => self.with(promotion, |p| {
                p.freeze_override = Some(FreezeOverride {
                    by,
                    freezes,
                    confirmed_by: None,
                });
            }),
            EnvironmentEvent::FreezeOverridden { promotion, by } => self.with(promotion, |p| {
                if let Some(wanted) = &mut p.freeze_override {
                    wanted.confirmed_by = Some(by);
                }
            }),
            EnvironmentEvent::DeploymentStarted { promotion, run, at } => self.with(promotion, |p| {
                p.run = Some(run);
                p.deploying_since = at;
            }),
            EnvironmentEvent::PromotionCompleted { promotion, at } => {
                let Some(done) = self.deployed(promotion, at) else {
                    return;
                };
                let ill = self
                    .current
                    .as_ref()
                    .is_some_and(|d| d.health == Health::Degraded);
                if ill || self.drift.is_some() {
                    self.well_since = self.well_since.max(Some(at));
                }
                let mut images = self.images();
                images.extend(done.images);
                let place = self.place_of(&done.release);
                let deployment = Deployment {
                    promotion,
                    release: done.release,
                    images,
                    since: at,
                    health: Health::Healthy,
                    place,
                };
                self.history.push_back(deployment.clone());
                if self.history.len() > MAX_HISTORY {
                    self.history.pop_front();
                }
                self.current = Some(deployment);
                self.drift = None;
            }
            EnvironmentEvent::PromotionRejected { promotion, .. }
            | EnvironmentEvent::PromotionCancelled { promotion, .. } => {
                self.close(promotion);
            }
            EnvironmentEvent::PromotionFailed { promotion, at, .. }
            | EnvironmentEvent::DeploymentRolledBack { promotion, at, .. } => {
                self.deployed(promotion, at);
            }
            EnvironmentEvent::DriftDetected { found, at, .. } => {
                self.drift = Some(Drift { found, since: at });
            }
            EnvironmentEvent::DriftCleared { at } => {
                self.well_since = self.well_since.max(Some(at));
                if let Some(drift) = self.drift.take() {
                    self.was_unsettled(drift.since, at);
                }
            }
            EnvironmentEvent::HealthChanged { health, at } => {
                if health == Health::Healthy {
                    self.well_since = self.well_since.max(Some(at));
                }
                if let Some(current) = &mut self.current {
                    current.health = health;
                }
            }
            EnvironmentEvent::EnvironmentRemoved { .. } => *self = Self::default(),
        }
    }

    /// The place of a release in the order of first arrivals: the one that it has, or the next.
    fn place_of(&self, release: &ReleaseVersion) -> u64 {
        let known = self.history.iter().find(|d| &d.release == release);
        let next = || self.history.iter().map(|d| d.place + 1).max().unwrap_or(0);
        known.map_or_else(next, |d| d.place)
    }

    /// The promotion is over, and what it deployed, if it did, is there or gone again.
    fn deployed(&mut self, id: PromotionId, at: DateTime<Utc>) -> Option<Promotion> {
        let done = self.close(id)?;
        if done.run.is_some() {
            self.was_unsettled(done.deploying_since.unwrap_or(at), at);
        }
        Some(done)
    }

    /// The promotion is over.
    fn close(&mut self, id: PromotionId) -> Option<Promotion> {
        self.queue.retain(|p| p.id != id);
        self.in_flight.take_if(|p| p.id == id)
    }

    fn with(&mut self, id: PromotionId, change: impl FnOnce(&mut Promotion)) {
        if let Some(promotion) = self
            .in_flight
            .iter_mut()
            .chain(&mut self.queue)
            .find(|p| p.id == id)
        {
            change(promotion);
        }
    }
}
