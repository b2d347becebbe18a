//! The run aggregate.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{FailureClass, RunCommand, RunEvent, RunStatus, StepPhase, StepState, UnwindCause};
use crate::decide::aggregate;
use crate::plan::{Plan, PlannedStep, SagaKind, StepId};
use crate::{Decide, DomainError, Environment, RunId, ServiceKey};

/// Tries of a step that fails transiently, before the failure counts as permanent. With the engine's pauses they take about
/// a quarter of an hour: a tool that is restarted or upgraded comes back within that.
pub const MAX_ATTEMPTS: u32 = 15;
/// Tries of a compensation that fails transiently, before the run is stuck.
pub const MAX_COMPENSATION_ATTEMPTS: u32 = MAX_ATTEMPTS;
/// Longest kept failure message, in characters.
pub(super) const MAX_MESSAGE: usize = 1000;

/// The aggregate; its stream's id is the run's id.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: Option<RunId>,
    /// Which saga.
    pub saga: Option<SagaKind>,
    /// For which service.
    pub service: Option<ServiceKey>,
    /// Whether resources that are there and not ours may be adopted.
    pub adopt: bool,
    /// Into which environment, of a saga that promotes.
    #[serde(default)]
    pub environment: Option<Environment>,
    /// When it was planned.
    pub planned_at: Option<DateTime<Utc>>,
    /// Its steps.
    pub plan: Arc<Plan>,
    /// Where it stands.
    pub status: RunStatus,
    /// Where each step stands.
    pub steps: BTreeMap<StepId, StepState>,
    /// Steps in the order in which they completed.
    pub completed: Vec<StepId>,
    /// Why it unwinds, or ended without success.
    pub cause: Option<UnwindCause>,
    /// The step that it is stuck on.
    pub stuck_on: Option<StepId>,
}

impl Run {
    /// The planned step of a name.
    pub fn step(&self, id: &StepId) -> Option<&PlannedStep> {
        self.plan.steps().iter().find(|s| &s.id == id)
    }

    /// Steps that made something which is still there; in a removing saga, steps whose resource was not removed.
    pub fn left_behind(&self) -> Vec<StepId> {
        let still_there = |state: &StepState| match state.phase {
            phase if self.removes() => phase != StepPhase::Succeeded,
            StepPhase::Running => true,
            StepPhase::LeftBehind => state.made_something(),
            _ => state.to_undo() && state.made_something(),
        };
        self.steps
            .iter()
            .filter(|(_, s)| still_there(s))
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// Why it ended without success, in words.
    pub fn cause_text(&self) -> String {
        match &self.cause {
            Some(UnwindCause::StepFailed { step, message }) => format!("step {step}: {message}"),
            Some(UnwindCause::Cancelled { reason }) => format!("cancelled: {reason}"),
            None => String::new(),
        }
    }

    fn removes(&self) -> bool {
        self.saga.is_some_and(SagaKind::removes)
    }

    /// Whether a step may be left out on the way forward. Each step of a promotion is a check, or a component of a
    /// release that comes whole: without one of them the environment would not run what it is said to run.
    fn may_leave_out(&self) -> bool {
        self.saga != Some(SagaKind::Promote)
    }

    fn accepts(&self) -> Vec<&'static str> {
        let mut accepts = self.accepts_of_any();
        if matches!(
            self.status,
            RunStatus::Running | RunStatus::Stuck { unwinding: false }
        ) && !self.may_leave_out()
        {
            accepts.retain(|command| *command != "SkipStep");
        }
        accepts
    }

    fn accepts_of_any(&self) -> Vec<&'static str> {
        match self.status {
            RunStatus::Running if self.removes() => vec!["RetryStep", "SkipStep"],
            RunStatus::Running => vec!["CancelRun", "RetryStep", "SkipStep"],
            RunStatus::Unwinding => vec!["RetryStep", "SkipStep"],
            RunStatus::Stuck { unwinding: false } if !self.removes() => {
                vec!["RetryStep", "SkipStep", "CancelRun", "AbandonRun"]
            }
            RunStatus::Stuck { .. } => vec!["RetryStep", "SkipStep", "AbandonRun"],
            _ => vec![],
        }
    }

    fn id_text(&self) -> String {
        self.id.map(|id| id.to_string()).unwrap_or_default()
    }

    fn refuse(&self, command: &'static str) -> DomainError {
        if self.status == RunStatus::Unknown {
            return DomainError::NotFound {
                kind: "run",
                id: self.id_text(),
            };
        }
        let mut state = match &self.stuck_on {
            Some(step) => format!("{} on step {step}", self.status.slug()),
            None => self.status.slug().to_owned(),
        };
        if command == "SkipStep" && !self.status.ended() && !self.may_leave_out() {
            state.push_str(" on its way forward, where no step of a promotion is left out,");
        }
        DomainError::WrongState {
            kind: "run",
            id: self.id_text(),
            state,
            command,
            accepts: self.accepts(),
        }
    }

    fn admit(&self, command: &'static str) -> Result<(), DomainError> {
        if self.accepts().contains(&command) {
            Ok(())
        } else {
            Err(self.refuse(command))
        }
    }

    pub(super) fn known(&self, step: &StepId) -> Result<&StepState, DomainError> {
        let missing = || DomainError::NotFound {
            kind: "step",
            id: format!("{step} of run {}", self.id_text()),
        };
        self.steps.get(step).ok_or_else(missing)
    }

    /// The state of a step whose current try is `attempt` and under way.
    pub(super) fn current(&self, step: &StepId, attempt: u32) -> Result<&StepState, DomainError> {
        let state = self.known(step)?;
        if self.status.ended() || state.phase != StepPhase::Running || state.attempt != attempt {
            let (run, step) = (self.id_text(), step.to_string());
            return Err(DomainError::StaleAttempt {
                run,
                step,
                attempt,
                current: state.attempt,
            });
        }
        Ok(state)
    }

    /// Checks that the compensation of this step is the one under way, and `attempt` its current try.
    pub(super) fn compensating(&self, step: &StepId, attempt: u32) -> Result<(), DomainError> {
        let current = self.known(step)?.compensation_attempt + 1;
        if self.under_compensation() != Some(step) || attempt != current {
            let (run, step) = (self.id_text(), step.to_string());
            return Err(DomainError::StaleAttempt {
                run,
                step,
                attempt,
                current,
            });
        }
        Ok(())
    }

    pub(super) fn failure(
        &self,
        step: StepId,
        attempt: u32,
        class: FailureClass,
        message: String,
        retry_at: DateTime<Utc>,
        duration_ms: u64,
    ) -> Result<Vec<RunEvent>, DomainError> {
        let failures = self.current(&step, attempt)?.failures + 1;
        let message: String = message.chars().take(MAX_MESSAGE).collect();
        let failed = RunEvent::StepFailed {
            step: step.clone(),
            attempt,
            class,
            message: message.clone(),
            duration_ms,
        };
        if self.status == RunStatus::Unwinding {
            return Ok(vec![failed]);
        }
        let stuck = |message| RunEvent::RunStuck {
            step: step.clone(),
            message,
        };
        let next = match class {
            FailureClass::Transient if failures < MAX_ATTEMPTS => {
                let retry = RunEvent::StepRetryScheduled {
                    step,
                    attempt: attempt + 1,
                    not_before: retry_at,
                };
                return Ok(vec![failed, retry]);
            }
            FailureClass::Unauthorised => stuck(message),
            _ if self.removes() => stuck(message),
            FailureClass::Transient | FailureClass::Permanent => RunEvent::UnwindStarted {
                cause: UnwindCause::StepFailed { step, message },
            },
        };
        Ok(vec![failed, next])
    }

    fn skip(&self, step: StepId, reason: String) -> Result<Vec<RunEvent>, DomainError> {
        self.admit("SkipStep")?;
        crate::reason::check("reason", &reason)?;
        let state = self.known(&step)?;
        let skippable = match self.status {
            RunStatus::Unwinding | RunStatus::Stuck { unwinding: true } => {
                state.to_undo() && state.compensation_failures > 0
            }
            _ => matches!(state.phase, StepPhase::Waiting | StepPhase::Failed),
        };
        if !skippable {
            let phase: &'static str = state.phase.into();
            let rule =
                format!("only a step that failed or waits for a retry can be skipped; `{step}` is {phase}");
            return Err(DomainError::invalid("step", rule));
        }
        Ok(vec![RunEvent::StepSkipped { step, reason }])
    }

    fn retry(&self, step: StepId) -> Result<Vec<RunEvent>, DomainError> {
        self.admit("RetryStep")?;
        let state = self.known(&step)?;
        let going_back = matches!(
            self.status,
            RunStatus::Unwinding | RunStatus::Stuck { unwinding: true }
        );
        let retryable = if going_back {
            state.to_undo() && state.compensation_failures > 0
        } else {
            matches!(state.phase, StepPhase::Waiting | StepPhase::Failed)
        };
        if !retryable {
            let phase: &'static str = state.phase.into();
            let rule =
                format!("only a step that failed or waits for a retry can be retried; `{step}` is {phase}");
            return Err(DomainError::invalid("step", rule));
        }
        let request = RunEvent::StepRetryRequested { step: step.clone() };
        if going_back {
            return Ok(vec![request]);
        }
        let attempt = state.attempt + 1;
        Ok(vec![request, RunEvent::StepStarted { step, attempt }])
    }

    fn resume(&self) -> Vec<RunEvent> {
        if self.status.ended() {
            return vec![]; // an abandoned run may have steps under way: they stay as they were given up
        }
        let under_way = self.steps.iter().filter(|(_, s)| s.phase == StepPhase::Running);
        under_way
            .map(|(id, s)| RunEvent::StepStarted {
                step: id.clone(),
                attempt: s.attempt + 1,
            })
            .collect()
    }

    fn first_events(&self, command: RunCommand) -> Result<Vec<RunEvent>, DomainError> {
        match command {
            RunCommand::Plan {
                run,
                saga,
                service,
                adopt,
                at,
                environment,
                plan,
            } => {
                if self.status != RunStatus::Unknown {
                    return Err(DomainError::AlreadyExists {
                        kind: "run",
                        id: run.to_string(),
                    });
                }
                Ok(vec![RunEvent::RunPlanned {
                    run,
                    saga,
                    service,
                    adopt,
                    at,
                    environment,
                    plan,
                }])
            }
            RunCommand::Resume => Ok(self.resume()),
            RunCommand::StartRetry { step, attempt } => {
                let state = self.known(&step)?;
                if self.status != RunStatus::Running
                    || state.phase != StepPhase::Waiting
                    || state.attempt + 1 != attempt
                {
                    let (run, step) = (self.id_text(), step.to_string());
                    return Err(DomainError::StaleAttempt {
                        run,
                        step,
                        attempt,
                        current: state.attempt,
                    });
                }
                Ok(vec![RunEvent::StepStarted { step, attempt }])
            }
            RunCommand::RecordSuccess {
                step,
                attempt,
                outcome,
                duration_ms,
            } => {
                self.current(&step, attempt)?;
                Ok(vec![RunEvent::StepSucceeded {
                    step,
                    attempt,
                    outcome,
                    duration_ms,
                }])
            }
            RunCommand::RecordFailure {
                step,
                attempt,
                class,
                message,
                retry_at,
                duration_ms,
            } => self.failure(step, attempt, class, message, retry_at, duration_ms),
            RunCommand::RecordAwaited {
                step,
                attempt,
                back: false,
                message,
                at,
                look_at,
            } => self.awaited(step, attempt, message, at, look_at),
            RunCommand::RecordAwaited {
                step,
                attempt,
                back: true,
                message,
                at,
                look_at,
            } => self.compensation_awaited(step, attempt, message, at, look_at),
            RunCommand::LookAgain { tool } => Ok(self.look_again(tool)),
            RunCommand::RecordCompensated {
                step,
                attempt,
                deleted,
                duration_ms,
            } => {
                self.compensating(&step, attempt)?;
                Ok(vec![RunEvent::StepCompensated {
                    step,
                    deleted,
                    duration_ms,
                }])
            }
            RunCommand::RecordCompensationFailure {
                step,
                attempt,
                class,
                message,
                retry_at,
            } => {
                self.compensating(&step, attempt)?;
                let failures = self.known(&step)?.compensation_failures + 1;
                let again = class == FailureClass::Transient && failures < MAX_COMPENSATION_ATTEMPTS;
                let message: String = message.chars().take(MAX_MESSAGE).collect();
                let not_before = again.then_some(retry_at);
                let stuck = RunEvent::RunStuck {
                    step: step.clone(),
                    message: message.clone(),
                };
                let failed = RunEvent::CompensationFailed {
                    step,
                    attempt,
                    message,
                    not_before,
                };
                Ok(if again { vec![failed] } else { vec![failed, stuck] })
            }
            RunCommand::RetryStep { step } => self.retry(step),
            RunCommand::SkipStep { step, reason } => self.skip(step, reason),
            RunCommand::Cancel { reason } => {
                self.admit("CancelRun")?;
                crate::reason::check("reason", &reason)?;
                Ok(vec![RunEvent::UnwindStarted {
                    cause: UnwindCause::Cancelled { reason },
                }])
            }
            RunCommand::Abandon { reason } => {
                self.admit("AbandonRun")?;
                crate::reason::check("reason", &reason)?;
                Ok(vec![RunEvent::RunAbandoned {
                    reason,
                    left_behind: self.left_behind(),
                }])
            }
        }
    }

    /// What follows at once from where the run stands: steps that became free start, nothing to undo is skipped
    /// over, and the end is the end.
    fn consequences(&self) -> Vec<RunEvent> {
        match self.status {
            RunStatus::Running => self.free_steps_or_end(),
            RunStatus::Unwinding if !self.steps.values().any(|s| s.phase == StepPhase::Running) => {
                self.undo_or_end()
            }
            _ => vec![],
        }
    }

    fn free_steps_or_end(&self) -> Vec<RunEvent> {
        let done = |id: &StepId| {
            self.steps
                .get(id)
                .is_some_and(|s| matches!(s.phase, StepPhase::Succeeded | StepPhase::Skipped))
        };
        let free = |step: &&PlannedStep| {
            self.steps
                .get(&step.id)
                .is_some_and(|s| s.phase == StepPhase::Pending)
                && step.depends_on.iter().all(done)
        };
        let steps = self.plan.steps();
        if steps.iter().all(|s| done(&s.id)) {
            let left_behind = if self.removes() {
                self.left_behind()
            } else {
                vec![]
            };
            return vec![RunEvent::RunSucceeded { left_behind }];
        }
        steps
            .iter()
            .filter(free)
            .map(|s| RunEvent::StepStarted {
                step: s.id.clone(),
                attempt: 1,
            })
            .collect()
    }

    fn undo_or_end(&self) -> Vec<RunEvent> {
        let mut events = Vec::new();
        for id in self.to_undo() {
            if self.steps.get(id).is_none_or(StepState::made_something) {
                return events;
            }
            events.push(RunEvent::StepCompensated {
                step: id.clone(),
                deleted: false,
                duration_ms: 0,
            });
        }
        let left_behind = self.left_behind();
        events.push(match &self.cause {
            Some(UnwindCause::Cancelled { reason }) => RunEvent::RunCancelled {
                reason: reason.clone(),
                left_behind,
            },
            _ => RunEvent::RunFailed {
                cause: self.cause_text(),
                left_behind,
            },
        });
        events
    }
}

impl Decide for Run {
    const TYPE: &'static str = "Run";
    type Command = RunCommand;
    type Event = RunEvent;

    fn decide(&self, command: RunCommand) -> Result<Vec<RunEvent>, DomainError> {
        let mut events = self.first_events(command)?;
        if events.is_empty() {
            return Ok(events);
        }
        let mut after = self.clone();
        for event in &events {
            after.evolve(event.clone());
        }
        events.extend(after.consequences());
        Ok(events)
    }

    fn evolve(&mut self, event: RunEvent) {
        self.apply(event);
    }
}

aggregate!(Run, RunEvent);
