//! Whether a promotion reached its environment before it failed, and with which commits.

use super::{Run, StepPhase, StepState};
use crate::operation::Operation;
use crate::plan::PlannedStep;
use crate::resource::{Commit, Provenance};

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

    /// The commit that names the image which a step of a promotion is about, once the run has made or found it. Of the hold
    /// of an application, with what it found deployed as the commit before; and only if the run changed something since,
    /// for else there is nothing to bring back.
    pub fn commit_of(&self, step: &PlannedStep) -> Option<Commit> {
        let image = image_of(&step.operation)?;
        let about = |other: &&PlannedStep| image_of(&other.operation) == Some(image);
        let (mut commit, mut changed) = (None, false);
        for other in self.plan.steps().iter().filter(about) {
            let state = self.steps.get(&other.id)?;
            match &other.operation {
                Operation::GitlabImage { .. } => commit = state.commit.clone(),
                Operation::ArgoSync { .. } => {}
                _ => continue,
            }
            changed |= state.attempt > 0 && state.made_something();
        }
        if !matches!(step.operation, Operation::ArgoHold { .. }) {
            return commit;
        }
        let commit = commit.filter(|_| changed)?;
        let held = self.steps.get(&step.id)?.commit.as_ref();
        Some(Commit {
            before: held.map(|held| held.revision.clone()).or(commit.before),
            revision: commit.revision,
        })
    }
}

/// The image, without tag, that a step of a promotion carries: each component has its own.
fn image_of(operation: &Operation) -> Option<&str> {
    match operation {
        Operation::GitlabImage { image, .. }
        | Operation::ArgoHold { image, .. }
        | Operation::ArgoSync { image, .. }
        | Operation::ArgoHealthy { image, .. } => Some(image),
        _ => None,
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
