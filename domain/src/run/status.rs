//! Where a run stands.

use serde::{Deserialize, Serialize};

/// Where a run stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunStatus {
    /// Not planned yet.
    #[default]
    Unknown,
    /// Going forward.
    Running,
    /// Going back.
    Unwinding,
    /// Waiting for an operator.
    Stuck {
        /// Whether it was going back.
        unwinding: bool,
    },
    /// Ended: every step done.
    Succeeded,
    /// Ended: a step failed, everything undone.
    Failed,
    /// Ended: cancelled, everything undone.
    Cancelled,
    /// Ended: given up as it was.
    Abandoned,
}

impl RunStatus {
    /// The name in the API.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Running => "running",
            Self::Unwinding => "unwinding",
            Self::Stuck { .. } => "stuck",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Abandoned => "abandoned",
        }
    }

    /// Whether nothing more will happen.
    pub fn ended(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::Failed | Self::Cancelled | Self::Abandoned
        )
    }
}
