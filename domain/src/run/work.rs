//! What a run may do next: a pure function of its state.

use chrono::{DateTime, Utc};

use super::{Run, RunStatus, StepPhase};
use crate::plan::StepId;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Carry the step out; its start is recorded already.
    Execute {
        /// Which step.
        step: StepId,
        /// Under which attempt number.
        attempt: u32,
    },
    /// Start the step's next try when its time has come.
    Retry {
        /// Which step.
        step: StepId,
        /// Under which attempt number.
        attempt: u32,
        /// Not before.
        not_before: DateTime<Utc>,
    },
    /// Undo the step.
    Compensate {
        /// Which step.
        step: StepId,
        /// Not before, after a failed try.
        not_before: Option<DateTime<Utc>>,
        /// Number of this try.
        attempt: u32,
    },
}

impl Run {
    /// Everything that may go on now. Steps are independent of each other; at most one compensation is named, the
    /// one of the step that completed last.
    pub fn work(&self) -> Vec<Work> {
        match self.status {
            RunStatus::Running | RunStatus::Stuck { unwinding: false } => self.forward(),
            RunStatus::Unwinding => {
                let mut work = self.forward();
                work.retain(|w| matches!(w, Work::Execute { .. }));
                if work.is_empty() {
                    work.extend(self.next_compensation());
                }
                work
            }
            _ => vec![],
        }
    }

    fn forward(&self) -> Vec<Work> {
        let stuck = matches!(self.status, RunStatus::Stuck { .. });
        let of = |(step, state): (&StepId, &super::StepState)| match (state.phase, state.not_before) {
            (StepPhase::Running, _) => Some(Work::Execute {
                step: step.clone(),
                attempt: state.attempt,
            }),
            (StepPhase::Waiting, Some(not_before)) if !stuck => Some(Work::Retry {
                step: step.clone(),
                attempt: state.attempt + 1,
                not_before,
            }),
            _ => None,
        };
        self.steps.iter().filter_map(of).collect()
    }

    /// The step whose compensation is under way or due: none while a step is still going forward.
    pub(super) fn under_compensation(&self) -> Option<&StepId> {
        let forward = || self.steps.values().any(|s| s.phase == StepPhase::Running);
        if self.status != RunStatus::Unwinding || forward() {
            return None;
        }
        self.to_undo().next()
    }

    fn next_compensation(&self) -> Option<Work> {
        let step = self.under_compensation()?;
        let state = self.steps.get(step)?;
        let attempt = state.compensation_attempt + 1;
        Some(Work::Compensate {
            step: step.clone(),
            not_before: state.not_before,
            attempt,
        })
    }

    /// Steps that unwinding has to look after: the unfinished ones first, then in reverse order of completion.
    pub(super) fn to_undo(&self) -> impl Iterator<Item = &StepId> {
        let unfinished = self
            .steps
            .iter()
            .filter(|(id, state)| state.to_undo() && !self.completed.contains(id));
        let finished = self
            .completed
            .iter()
            .rev()
            .filter(|id| self.steps.get(id).is_some_and(|s| s.to_undo()));
        unfinished.map(|(id, _)| id).chain(finished)
    }
}
