//! What goes to whoever carries a step out, and what comes back: the seam for workers behind a message bus.

use chrono::{DateTime, Utc};
use opstella_domain::operation::Operation;
use opstella_domain::plan::StepId;
use opstella_domain::resource::{Commit, StepOutcome};
use opstella_domain::run::FailureClass;
use opstella_domain::tool_connection::ConnectionKey;
use opstella_domain::{RunId, ServiceKey};
use serde::{Deserialize, Serialize};

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Make the resource be there.
    Ensure,
    /// Make it be gone, whichever run of the service made it.
    Remove,
    /// Undo what this run made.
    Compensate,
}

/// One try of one step. It holds all that a worker needs and nothing secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepOrder {
    /// Of which run.
    pub run: RunId,
    /// Which step.
    pub step: StepId,
    /// Which try; outcomes of earlier ones are refused.
    pub attempt: u32,
    /// What is to be done.
    pub action: Action,
    /// By which connection.
    pub connection: ConnectionKey,
    /// The resource.
    pub operation: Operation,
    /// For which service.
    pub service: ServiceKey,
    /// Whether a resource that is there and not ours may be adopted.
    pub adopt: bool,
    /// When the run began.
    pub run_started: DateTime<Utc>,
    /// Whether an earlier try of the step, also of one that is undone now, may have had effects that it did not report.
    pub retried: bool,
    /// The commit by which the run names the image that the step is about.
    pub commit: Option<Commit>,
}

/// How a try ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepReport {
    /// The resource is there.
    Ensured {
        /// What is there.
        outcome: StepOutcome,
    },
    /// The resource is gone, or stays because it is not ours to delete.
    Removed {
        /// Whether something was deleted.
        deleted: bool,
    },
    /// It is under way in the tool, and to be looked at again.
    Awaited {
        /// What it waits for.
        message: String,
        /// When to look again, in milliseconds from now.
        look_in_ms: u64,
    },
    /// It did not work.
    Failed {
        /// What that means.
        class: FailureClass,
        /// Why, and what to do.
        message: String,
        /// How long the tool asked to wait, in milliseconds.
        retry_after_ms: Option<u64>,
    },
}
