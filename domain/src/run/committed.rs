//! Whether a promotion reached its environment before it failed.

use super::{Run, StepPhase, StepState};
use crate::operation::Operation;
use crate::resource::Provenance;

impl Run {
    /// Whether a commit named another image in the environment's repository, or may have: from then on the environment
    /// was on its way to the release, and where the run is undone, it came back.
    pub fn committed(&self) -> bool {
        let commits = |operation: &Operation| matches!(operation, Operation::GitlabImage { .. });
        let steps = self.plan.steps().iter().filter(|step| commits(&step.operation));
        steps
            .filter_map(|step| self.steps.get(&step.id))
            .any(StepState::had_effect)
    }
}

impl StepState {
    /// Whether it changed something in its tool, or may have. A step that never reported success may have all the same,
    /// before it failed: what undoing it found tells, unless undoing it was tried more than once.
    fn had_effect(&self) -> bool {
        match self.provenance {
            Some(provenance) => provenance != Provenance::Existing,
            None if self.phase == StepPhase::Compensated => self.deleted || self.compensation_attempt > 0,
            None => self.attempt > 0,
        }
    }
}
