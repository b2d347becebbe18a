//! What each event does to the state.

use std::sync::Arc;

use super::{FailureClass, Run, RunEvent, RunStatus, StepPhase, StepState, UnwindCause};
use crate::plan::StepId;

impl Run {
    pub(super) fn apply(&mut self, event: RunEvent) {
        match event {
            RunEvent::RunPlanned {
                run,
                saga,
                service,
                adopt,
                at,
                environment,
                plan,
            } => {
                *self = Self {
                    id: Some(run),
                    saga: Some(saga),
                    service: Some(service),
                    adopt,
                    environment,
                    planned_at: Some(at),
                    steps: plan
                        .steps()
                        .iter()
                        .map(|s| (s.id.clone(), StepState::default()))
                        .collect(),
                    plan: Arc::new(plan),
                    status: RunStatus::Running,
                    ..Self::default()
                };
            }
            RunEvent::StepStarted { step, attempt } => {
                self.change(&step, |s| {
                    // Taken over by another engine: nobody knows how far the try came.
                    s.uncertain |= s.phase == StepPhase::Running;
                    s.phase = StepPhase::Running;
                    s.attempt = attempt;
                    s.not_before = None;
                });
            }
            RunEvent::StepSucceeded { step, outcome, .. } => {
                self.change(&step, |s| {
                    s.phase = StepPhase::Succeeded;
                    s.failures = 0;
                    s.awaited_since = None;
                    s.provenance = outcome.as_ref().map(|o| o.provenance);
                    s.commit = outcome.and_then(|o| o.commit);
                });
                self.completed.push(step);
            }
            RunEvent::StepFailed { step, class, .. } => {
                self.change(&step, |s| {
                    s.uncertain |= class != FailureClass::Permanent;
                    s.phase = StepPhase::Failed;
                    s.failures += 1;
                });
            }
            RunEvent::StepRetryScheduled { step, not_before, .. } => {
                self.change(&step, |s| {
                    s.phase = StepPhase::Waiting;
                    s.not_before = Some(not_before);
                    s.due = Some(not_before);
                });
            }
            RunEvent::StepAwaited {
                step,
                since,
                not_before,
                ..
            } => {
                self.change(&step, |s| {
                    s.phase = StepPhase::Waiting;
                    s.awaited_since = Some(since);
                    s.not_before = Some(not_before);
                    s.due = Some(not_before);
                });
            }
            RunEvent::CompensationAwaited {
                step,
                attempt,
                since,
                not_before,
                ..
            } => {
                self.change(&step, |s| {
                    s.compensation_attempt = attempt;
                    s.awaited_since = Some(since);
                    s.not_before = Some(not_before);
                    s.due = Some(not_before);
                });
            }
            RunEvent::StepRetryRequested { step } => {
                self.change(&step, |s| {
                    s.failures = 0;
                    s.awaited_since = None;
                    s.compensation_failures = 0;
                    s.not_before = None;
                });
                self.unstick();
            }
            RunEvent::StepSkipped { step, .. } => {
                let going_back = matches!(
                    self.status,
                    RunStatus::Unwinding | RunStatus::Stuck { unwinding: true }
                );
                let phase = if going_back {
                    StepPhase::LeftBehind
                } else {
                    StepPhase::Skipped
                };
                self.change(&step, |s| {
                    s.phase = phase;
                    s.not_before = None;
                });
                if phase == StepPhase::Skipped {
                    // Its dependents start now: should the run unwind, they are undone before it.
                    self.completed.push(step);
                }
                self.unstick();
            }
            RunEvent::UnwindStarted { cause } => {
                self.status = RunStatus::Unwinding;
                self.cause = Some(cause);
                self.stuck_on = None;
                for state in self.steps.values_mut() {
                    state.not_before = None;
                    state.awaited_since = None;
                }
            }
            RunEvent::StepCompensated { step, deleted, .. } => {
                self.change(&step, |s| {
                    s.phase = StepPhase::Compensated;
                    s.deleted = deleted;
                    s.not_before = None;
                });
            }
            RunEvent::CompensationFailed {
                step,
                attempt,
                not_before,
                ..
            } => {
                self.change(&step, |s| {
                    s.compensation_attempt = attempt;
                    s.compensation_failures += 1;
                    s.not_before = not_before;
                    s.due = not_before;
                });
            }
            RunEvent::RunStuck { step, .. } => {
                self.status = RunStatus::Stuck {
                    unwinding: self.status == RunStatus::Unwinding,
                };
                self.stuck_on = Some(step);
            }
            RunEvent::RunSucceeded { .. } => self.status = RunStatus::Succeeded,
            RunEvent::RunFailed { .. } => self.status = RunStatus::Failed,
            RunEvent::RunCancelled { .. } => self.status = RunStatus::Cancelled,
            RunEvent::RunAbandoned { reason, .. } => {
                self.status = RunStatus::Abandoned;
                self.stuck_on = None;
                self.cause.get_or_insert(UnwindCause::Cancelled { reason });
            }
        }
    }

    fn change(&mut self, step: &StepId, change: impl FnOnce(&mut StepState)) {
        if let Some(state) = self.steps.get_mut(step) {
            change(state);
        }
    }

    /// An operator dealt with a step: the run goes on, unless it (or, going forward, another) still needs one.
    fn unstick(&mut self) {
        if let RunStatus::Stuck { unwinding } = self.status {
            let waits_for_operator = |id: &StepId, s: &StepState| {
                if unwinding {
                    self.stuck_on.as_ref() == Some(id) && s.to_undo() && s.compensation_failures > 0
                } else {
                    s.phase == StepPhase::Failed && s.failures > 0
                }
            };
            let other = self.steps.iter().find(|(id, s)| waits_for_operator(id, s));
            match other {
                Some((id, _)) => self.stuck_on = Some(id.clone()),
                None => {
                    self.status = if unwinding {
                        RunStatus::Unwinding
                    } else {
                        RunStatus::Running
                    };
                    self.stuck_on = None;
                }
            }
        }
    }
}
