//! The environment aggregate.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::{
    Deployment, Drift, EnvironmentCommand, EnvironmentEvent, EnvironmentKey, FreezeOverride, Health,
    Promotion, PromotionId, PromotionKind, PromotionState, WhenBusy,
};
use crate::decide::aggregate;
use crate::policy::PolicyVersions;
use crate::release::{Digest, ReleaseVersion};
use crate::{ComponentName, Decide, DomainError};

/// Most promotions that wait for the one in flight.
pub const MAX_QUEUE: usize = 20;
/// Most deployments of the past that an environment remembers: how far a rollback may go back.
pub const MAX_HISTORY: usize = 100;

/// The aggregate; its stream's id is the key. In DESIGN it is called the environment; that name is the type's of the
/// five.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ServiceEnvironment {
    /// What runs here.
    pub current: Option<Deployment>,
    /// What ran here, the newest last, with what runs now.
    pub history: VecDeque<Deployment>,
    /// The one promotion in flight.
    pub in_flight: Option<Promotion>,
    /// Promotions that wait for it, the next one first.
    pub queue: VecDeque<Promotion>,
    /// What runs although no promotion brought it.
    pub drift: Option<Drift>,
}

impl ServiceEnvironment {
    /// Whether a release was deployed here, well, as far as is remembered.
    pub fn has_run(&self, release: &ReleaseVersion) -> bool {
        self.history.iter().any(|d| &d.release == release)
    }

    /// The images that run here.
    pub fn images(&self) -> BTreeMap<ComponentName, Digest> {
        self.current
            .as_ref()
            .map(|d| d.images.clone())
            .unwrap_or_default()
    }

    /// A promotion that is not over.
    pub fn promotion(&self, id: PromotionId) -> Option<&Promotion> {
        self.in_flight.iter().chain(&self.queue).find(|p| p.id == id)
    }

    /// Where a promotion that is not over stands.
    pub fn state_of(&self, id: PromotionId) -> Option<PromotionState> {
        match &self.in_flight {
            Some(promotion) if promotion.id == id => Some(promotion.state()),
            _ => self.promotion(id).map(|_| PromotionState::Queued),
        }
    }

    /// A promotion that does not deploy yet.
    pub(super) fn open(
        &self,
        key: &EnvironmentKey,
        id: PromotionId,
        command: &'static str,
    ) -> Result<&Promotion, DomainError> {
        let Some(promotion) = self.promotion(id) else {
            return Err(DomainError::WrongState {
                kind: "promotion",
                id: id.to_string(),
                state: format!("over, or not one of {key}"),
                command,
                accepts: vec![],
            });
        };
        if let Some(run) = promotion.run {
            return Err(DomainError::WrongState {
                kind: "promotion",
                id: id.to_string(),
                state: format!("deploying by run {run}"),
                command,
                accepts: vec!["CancelRun (of the run)"],
            });
        }
        Ok(promotion)
    }

    fn request(&self, command: EnvironmentCommand) -> Result<Vec<EnvironmentEvent>, DomainError> {
        let name = command.name();
        let EnvironmentCommand::Request {
            key,
            promotion,
            kind,
            release,
            images,
            requester,
            authors,
            change_reference,
            when_busy,
            came_from,
            at,
        } = command
        else {
            return Ok(vec![]);
        };
        let refused = |state: String, accepts: Vec<&'static str>| DomainError::WrongState {
            kind: "environment",
            id: key.to_string(),
            state,
            command: name,
            accepts,
        };
        let waits = |p: &&Promotion| p.release == release && p.kind == kind;
        if let Some(same) = self.in_flight.iter().chain(&self.queue).find(waits) {
            return Err(DomainError::AlreadyExists {
                kind: "promotion",
                id: same.id.to_string(),
            });
        }
        match kind {
            PromotionKind::Promote => {
                if let Some((before, false)) = came_from {
                    let state =
                        format!("not reached by release {release}, which was not deployed to {before} yet");
                    return Err(refused(state, vec![super::promote_to(before)]));
                }
                let runs = self.current.as_ref().filter(|d| d.release == release);
                if runs.is_some() && self.drift.is_none() {
                    return Err(refused(format!("running release {release} already"), vec![]));
                }
            }
            PromotionKind::Rollback => {
                let runs = self.current.as_ref().is_some_and(|d| d.release == release);
                if runs || !self.has_run(&release) {
                    let rule = "a release that this environment ran before, and does not run now";
                    return Err(DomainError::invalid("release", rule));
                }
            }
        }
        let queued = self.in_flight.is_some();
        if queued && when_busy == WhenBusy::Refuse {
            let other = self
                .in_flight
                .as_ref()
                .map(|p| p.id.to_string())
                .unwrap_or_default();
            let state = format!("busy with promotion {other}; ask with `when_busy: queue` to wait for it");
            return Err(refused(state, vec!["Approve", "Reject", "CancelPromotion"]));
        }
        if self.queue.len() >= MAX_QUEUE {
            return Err(refused(
                format!("busy, and {MAX_QUEUE} promotions wait"),
                vec!["CancelPromotion"],
            ));
        }
        Ok(vec![EnvironmentEvent::PromotionRequested {
            key,
            promotion,
            kind,
            release,
            images,
            requester,
            authors,
            change_reference,
            queued,
            at,
        }])
    }

    /// The promotion that comes next, once this event ended the one in flight.
    fn then_next(&self, end: EnvironmentEvent) -> Vec<EnvironmentEvent> {
        let mut after = self.clone();
        after.evolve(end.clone());
        let next = after.queue.front().filter(|_| after.in_flight.is_none());
        let taken_up = next.map(|p| EnvironmentEvent::PromotionTakenUp { promotion: p.id });
        std::iter::once(end).chain(taken_up).collect()
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

impl Decide for ServiceEnvironment {
    const TYPE: &'static str = "Environment";
    type Command = EnvironmentCommand;
    type Event = EnvironmentEvent;

    fn decide(&self, command: EnvironmentCommand) -> Result<Vec<EnvironmentEvent>, DomainError> {
        match command {
            EnvironmentCommand::Request { .. } => self.request(command),
            EnvironmentCommand::Evaluate {
                promotion,
                evaluation,
                run,
                at,
            } => Ok(self.evaluated(promotion, *evaluation, run, at)),
            EnvironmentCommand::Approve {
                key,
                promotion,
                approval,
            } => self.approve(&key, promotion, approval),
            EnvironmentCommand::Reject {
                key,
                promotion,
                by,
                reason,
            } => {
                self.open(&key, promotion, "Reject")?;
                crate::reason::check("reason", &reason)?;
                Ok(self.then_next(EnvironmentEvent::PromotionRejected {
                    promotion,
                    by,
                    reason,
                }))
            }
            EnvironmentCommand::Cancel {
                key,
                promotion,
                by,
                reason,
            } => {
                self.open(&key, promotion, "CancelPromotion")?;
                crate::reason::check("reason", &reason)?;
                Ok(self.then_next(EnvironmentEvent::PromotionCancelled {
                    promotion,
                    by,
                    reason,
                }))
            }
            EnvironmentCommand::OverrideFreeze {
                key,
                promotion,
                by,
                reason,
            } => {
                let open = self.open(&key, promotion, "OverrideFreeze")?;
                crate::reason::check("reason", &reason)?;
                if open.freeze_override.is_some() {
                    return Ok(vec![]);
                }
                Ok(vec![EnvironmentEvent::FreezeOverrideRequested {
                    promotion,
                    by,
                    reason,
                }])
            }
            EnvironmentCommand::ConfirmFreezeOverride { key, promotion, by } => {
                self.confirm_override(&key, promotion, by)
            }
            EnvironmentCommand::EndRun { run, end, at } => Ok(match self.ended(run, end, at) {
                Some(event) => self.then_next(event),
                None => vec![],
            }),
            EnvironmentCommand::Observe { found, health, at } => Ok(self.observed(&found, health, at)),
        }
    }

    fn evolve(&mut self, event: EnvironmentEvent) {
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
                    approvals: Vec::new(),
                    freeze_override: None,
                    run: None,
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
                ..
            } => self.with(promotion, |p| {
                p.policy = policy;
                p.gates = gates;
                p.basis = Some(basis);
            }),
            EnvironmentEvent::PromotionApproved { promotion, approval } => self.with(promotion, |p| {
                p.approvals.retain(|a| a.by != approval.by);
                p.approvals.push(approval);
            }),
            EnvironmentEvent::ApprovalsVoided { promotion, .. } => {
                self.with(promotion, |p| p.approvals.clear());
            }
            EnvironmentEvent::FreezeOverrideRequested { promotion, by, .. } => self.with(promotion, |p| {
                p.freeze_override = Some(FreezeOverride {
                    by,
                    confirmed_by: None,
                });
            }),
            EnvironmentEvent::FreezeOverridden { promotion, by } => self.with(promotion, |p| {
                if let Some(wanted) = &mut p.freeze_override {
                    wanted.confirmed_by = Some(by);
                }
            }),
            EnvironmentEvent::DeploymentStarted { promotion, run } => {
                self.with(promotion, |p| p.run = Some(run));
            }
            EnvironmentEvent::PromotionCompleted { promotion, at } => {
                let Some(done) = self.close(promotion) else { return };
                let mut images = self.images();
                images.extend(done.images);
                let deployment = Deployment {
                    promotion,
                    release: done.release,
                    images,
                    since: at,
                    health: Health::Healthy,
                };
                self.history.push_back(deployment.clone());
                if self.history.len() > MAX_HISTORY {
                    self.history.pop_front();
                }
                self.current = Some(deployment);
                self.drift = None;
            }
            EnvironmentEvent::PromotionRejected { promotion, .. }
            | EnvironmentEvent::PromotionCancelled { promotion, .. }
            | EnvironmentEvent::PromotionFailed { promotion, .. }
            | EnvironmentEvent::DeploymentRolledBack { promotion, .. } => {
                self.close(promotion);
            }
            EnvironmentEvent::DriftDetected { found, at, .. } => {
                self.drift = Some(Drift { found, since: at });
            }
            EnvironmentEvent::DriftCleared { .. } => self.drift = None,
            EnvironmentEvent::HealthChanged { health, .. } => {
                if let Some(current) = &mut self.current {
                    current.health = health;
                }
            }
        }
    }
}

aggregate!(ServiceEnvironment, EnvironmentEvent);
