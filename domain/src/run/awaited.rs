//! Steps that are under way in a tool: looked at again and again, by a timer that is an event, until their patience ends.

use chrono::{DateTime, TimeDelta, Utc};

use super::{FailureClass, Run, RunEvent, StepPhase, StepState};
use crate::plan::StepId;
use crate::{DomainError, Tool};

/// By how much a look may come late, in minutes, before it counts as one that nobody was there for.
const LATE_MINUTES: i64 = 1;

impl Run {
    pub(super) fn awaited(
        &self,
        step: StepId,
        attempt: u32,
        message: String,
        at: DateTime<Utc>,
        look_at: DateTime<Utc>,
    ) -> Result<Vec<RunEvent>, DomainError> {
        let since = since(self.current(&step, attempt)?, at);
        if let Some(minutes) = self.out_of_patience(&step, since, at) {
            let message = format!("not done within {minutes} minutes: {message}");
            return self.failure(step, attempt, FailureClass::Permanent, message, at, 0);
        }
        Ok(vec![RunEvent::StepAwaited {
            step,
            attempt,
            message: shortened(message),
            since,
            not_before: look_at,
        }])
    }

    pub(super) fn compensation_awaited(
        &self,
        step: StepId,
        attempt: u32,
        message: String,
        at: DateTime<Utc>,
        look_at: DateTime<Utc>,
    ) -> Result<Vec<RunEvent>, DomainError> {
        self.compensating(&step, attempt)?;
        let since = since(self.known(&step)?, at);
        if let Some(minutes) = self.out_of_patience(&step, since, at) {
            let message = shortened(format!("not undone within {minutes} minutes: {message}"));
            let stuck = RunEvent::RunStuck {
                step: step.clone(),
                message: message.clone(),
            };
            let failed = RunEvent::CompensationFailed {
                step,
                attempt,
                message,
                not_before: None,
            };
            return Ok(vec![failed, stuck]);
        }
        Ok(vec![RunEvent::CompensationAwaited {
            step,
            attempt,
            message: shortened(message),
            since,
            not_before: look_at,
        }])
    }

    /// The next tries of the steps that wait for a tool.
    pub(super) fn look_again(&self, tool: Tool) -> Vec<RunEvent> {
        if self.status != super::RunStatus::Running {
            return vec![];
        }
        let waits = |id: &StepId, phase: StepPhase, since: Option<DateTime<Utc>>| {
            phase == StepPhase::Waiting && since.is_some() && self.step(id).is_some_and(|s| s.tool() == tool)
        };
        self.steps
            .iter()
            .filter(|(id, state)| waits(id, state.phase, state.awaited_since))
            .map(|(id, state)| RunEvent::StepStarted {
                step: id.clone(),
                attempt: state.attempt + 1,
            })
            .collect()
    }

    /// The limit in minutes, once it has passed. A clock that jumped back gives the step its time anew.
    fn out_of_patience(&self, step: &StepId, since: DateTime<Utc>, at: DateTime<Utc>) -> Option<u64> {
        let patience = self.step(step)?.operation.patience();
        let waited = (at - since).to_std().unwrap_or_default();
        (waited >= patience).then_some(patience.as_secs() / 60)
    }
}

/// Since when a step waits. Time in which nobody looked is left out: Opstella was away, or the clock was put forward. What
/// goes well meanwhile would else be turned round by the first look after it.
fn since(state: &StepState, at: DateTime<Utc>) -> DateTime<Utc> {
    let Some(since) = state.awaited_since else {
        return at;
    };
    let late = state.due.map_or(TimeDelta::zero(), |due| at - due);
    match late > TimeDelta::minutes(LATE_MINUTES) {
        true => (since + late).min(at),
        false => since,
    }
}

fn shortened(message: String) -> String {
    message.chars().take(super::aggregate::MAX_MESSAGE).collect()
}
