//! Where one step of a run stands.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::resource::{Commit, Provenance};

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum StepPhase {
    /// Not started.
    #[default]
    Pending,
    /// Under way: may have effects.
    Running,
    /// Waits for its next try.
    Waiting,
    /// Done.
    Succeeded,
    /// Failed for good; it may have left something.
    Failed,
    /// An operator went on without it.
    Skipped,
    /// Undone.
    Compensated,
    /// An operator left behind what it made.
    LeftBehind,
}

/// One step's state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepState {
    /// Where it stands.
    pub phase: StepPhase,
    /// Number of the newest try; 0 before the first.
    pub attempt: u32,
    /// Failed tries since the last success or operator's retry.
    pub failures: u32,
    /// When it is tried again, if it waits; or when its compensation is.
    pub not_before: Option<DateTime<Utc>>,
    /// How its resource came to be ours, once it succeeded.
    pub provenance: Option<Provenance>,
    /// Since when it is under way in the tool, if it is; or its compensation.
    #[serde(default)]
    pub awaited_since: Option<DateTime<Utc>>,
    /// When it was to be looked at or tried again, the last time that this was said.
    #[serde(default)]
    pub due: Option<DateTime<Utc>>,
    /// Number of the newest try of its compensation that ended without it; 0 before the first.
    pub compensation_attempt: u32,
    /// Failed tries of its compensation since an operator's last retry.
    pub compensation_failures: u32,
    /// Whether its compensation changed something in the tool.
    #[serde(default)]
    pub deleted: bool,
    /// The commit that it made or found, once it succeeded.
    #[serde(default)]
    pub commit: Option<Commit>,
    /// Whether a try of it may have had effects that it did not report: it was given up, or failed on the way. One that was
    /// refused for good had none.
    #[serde(default)]
    pub uncertain: bool,
}

impl StepState {
    /// Whether unwinding has to look after it: it made something, or may have.
    pub fn to_undo(&self) -> bool {
        match self.phase {
            StepPhase::Succeeded => true,
            StepPhase::Failed | StepPhase::Waiting | StepPhase::Skipped => self.attempt > 0,
            StepPhase::Pending | StepPhase::Running | StepPhase::Compensated | StepPhase::LeftBehind => false,
        }
    }

    /// Whether undoing it needs the tool. What another run of the service made stays as it is. What was adopted is
    /// looked at: the resource stays, and a secret that the run made for it goes.
    pub fn made_something(&self) -> bool {
        self.provenance != Some(Provenance::Existing)
    }
}
