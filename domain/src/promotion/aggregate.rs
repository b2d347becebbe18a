//! The environment aggregate.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    Deployment, Drift, EnvironmentCommand, EnvironmentEvent, EnvironmentKey, Promotion, PromotionId,
    PromotionState, Unsettled,
};
use crate::decide::aggregate;
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
    /// When it was not certain what ran, the latest last.
    #[serde(default)]
    pub unsettled: VecDeque<Unsettled>,
    /// When what runs recovered last, or a change by hand was put right last.
    #[serde(default)]
    pub well_since: Option<DateTime<Utc>>,
}

impl ServiceEnvironment {
    /// Whether a release was deployed here, well, as far as is remembered.
    pub fn has_run(&self, release: &ReleaseVersion) -> bool {
        self.history.iter().any(|d| &d.release == release)
    }

    /// The release that ran here before the one that runs now, as it ran last: where a rollback goes. What came here
    /// for the first time after the current one is not before it, although it ran: it was left, and the way to it is
    /// forward.
    pub fn earlier(&self) -> Option<&Deployment> {
        self.history.iter().rev().find(|d| self.precedes(d))
    }

    /// The release as it ran here last, if a rollback may go to it.
    pub(super) fn earlier_release(&self, release: &ReleaseVersion) -> Option<&Deployment> {
        let mut ran = self.history.iter().rev();
        ran.find(|d| &d.release == release && self.precedes(d))
    }

    fn precedes(&self, deployment: &Deployment) -> bool {
        self.current
            .as_ref()
            .is_some_and(|current| deployment.place < current.place)
    }

    /// The images that run here.
    pub fn images(&self) -> BTreeMap<ComponentName, Digest> {
        self.current
            .as_ref()
            .map(|d| d.images.clone())
            .unwrap_or_default()
    }

    /// Whether the promotion in flight has gates that nobody could look at yet, or one that opens by itself, and its time
    /// has come.
    pub fn is_due(&self, now: DateTime<Utc>) -> bool {
        let opens = |p: &Promotion| {
            p.gates
                .iter()
                .any(|gate| gate.opens_at.is_some_and(|at| at <= now))
        };
        let waiting = self.in_flight.as_ref().filter(|p| p.run.is_none());
        waiting.is_some_and(|p| p.basis.is_none() || opens(p))
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

    /// The promotion that comes next, once this event ended the one in flight.
    pub(super) fn then_next(&self, end: EnvironmentEvent) -> Vec<EnvironmentEvent> {
        let mut after = self.clone();
        after.evolve(end.clone());
        let next = after.queue.front().filter(|_| after.in_flight.is_none());
        let taken_up = next.map(|p| EnvironmentEvent::PromotionTakenUp { promotion: p.id });
        std::iter::once(end).chain(taken_up).collect()
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
                members,
                came_from,
                run,
                at,
            } => Ok(match self.overtaken(promotion, came_from, at) {
                Some(over) => self.then_next(over),
                None => self.evaluated(promotion, *evaluation, &members, run, at),
            }),
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
                freezes,
            } => self.override_freeze(&key, promotion, by, reason, freezes),
            EnvironmentCommand::ConfirmFreezeOverride {
                key,
                promotion,
                by,
                at,
            } => self.confirm_override(&key, promotion, by, at),
            EnvironmentCommand::EndRun { run, end, at } => Ok(match self.ended(run, end, at) {
                Some(event) => self.then_next(event),
                None => vec![],
            }),
            EnvironmentCommand::Observe { found, health, at } => Ok(self.observed(&found, health, at)),
            EnvironmentCommand::Remove { by, at } => Ok(self.removed(&by, at)),
        }
    }

    fn evolve(&mut self, event: EnvironmentEvent) {
        self.fold(event);
    }
}

aggregate!(ServiceEnvironment, EnvironmentEvent);
