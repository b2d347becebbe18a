//! What happens in a run.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::{Plan, SagaKind, StepId};
use crate::resource::StepOutcome;
use crate::{Environment, RunId, ServiceKey};

/// What a failure means for the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FailureClass {
    /// May work later.
    Transient,
    /// Will not work by itself.
    Permanent,
    /// The tool refuses our credential.
    Unauthorised,
}

/// Why a run unwinds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum UnwindCause {
    /// A step failed for good.
    StepFailed {
        /// Which.
        step: StepId,
        /// Why.
        message: String,
    },
    /// Somebody cancelled the run.
    Cancelled {
        /// Why.
        reason: String,
    },
}

/// What happened in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
pub enum RunEvent {
    /// The run exists, and this is all that it will do.
    RunPlanned {
        /// Its id.
        run: RunId,
        /// Which saga.
        saga: SagaKind,
        /// For which service.
        service: ServiceKey,
        /// Whether resources that are there and not ours may be adopted.
        adopt: bool,
        /// When.
        at: DateTime<Utc>,
        /// Into which environment, of a saga that promotes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        environment: Option<Environment>,
        /// Its steps.
        plan: Plan,
    },
    /// From here on the step may have effects.
    StepStarted {
        /// Which.
        step: StepId,
        /// 1 for the first try.
        attempt: u32,
    },
    /// The step's resource is there (in a removing saga: is gone).
    StepSucceeded {
        /// Which.
        step: StepId,
        /// At which try.
        attempt: u32,
        /// What is there; none in a removing saga.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outcome: Option<StepOutcome>,
        /// Time spent in the tool, in milliseconds.
        duration_ms: u64,
    },
    /// A try failed. What follows is in the next event.
    StepFailed {
        /// Which.
        step: StepId,
        /// At which try.
        attempt: u32,
        /// What it means.
        class: FailureClass,
        /// Why, and what to do.
        message: String,
        /// Time spent in the tool, in milliseconds.
        duration_ms: u64,
    },
    /// The step will be tried again.
    StepRetryScheduled {
        /// Which.
        step: StepId,
        /// The number of that try.
        attempt: u32,
        /// Not before.
        not_before: DateTime<Utc>,
    },
    /// The step is under way in the tool. It is looked at again; that is no failure.
    StepAwaited {
        /// Which.
        step: StepId,
        /// At which try.
        attempt: u32,
        /// What it waits for.
        message: String,
        /// Since when it waits: the first look that found it under way; later by as long as nobody looked.
        since: DateTime<Utc>,
        /// Looked at again not before.
        not_before: DateTime<Utc>,
    },
    /// An operator asked for another try, now.
    StepRetryRequested {
        /// Which.
        step: StepId,
    },
    /// An operator gave up on the step, or on its compensation.
    StepSkipped {
        /// Which.
        step: StepId,
        /// Why.
        reason: String,
    },
    /// From here on what was made is unmade.
    UnwindStarted {
        /// Why.
        cause: UnwindCause,
    },
    /// What the step had made is gone, or there was nothing to remove.
    StepCompensated {
        /// Which.
        step: StepId,
        /// Whether something was deleted in the tool.
        deleted: bool,
        /// Time spent in the tool, in milliseconds.
        duration_ms: u64,
    },
    /// A try to remove what the step had made failed.
    CompensationFailed {
        /// Which.
        step: StepId,
        /// At which try.
        attempt: u32,
        /// Why, and what to do.
        message: String,
        /// When it is tried again; without it, the run is stuck.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        not_before: Option<DateTime<Utc>>,
    },
    /// What the step had made is being unmade in the tool. It is looked at again; that is no failure.
    CompensationAwaited {
        /// Which.
        step: StepId,
        /// At which try.
        attempt: u32,
        /// What it waits for.
        message: String,
        /// Since when it waits; later by as long as nobody looked.
        since: DateTime<Utc>,
        /// Looked at again not before.
        not_before: DateTime<Utc>,
    },
    /// The run waits for an operator: RetryStep, SkipStep, AbandonRun (or CancelRun while it was going forward).
    RunStuck {
        /// On which step.
        step: StepId,
        /// Why, and what to do.
        message: String,
    },
    /// Every step is done.
    RunSucceeded {
        /// In a removing saga: steps that an operator skipped; what they were to remove is still there.
        left_behind: Vec<StepId>,
    },
    /// A step failed for good, and what was made is unmade.
    RunFailed {
        /// Why.
        cause: String,
        /// Steps whose compensation an operator skipped: what they made is still there.
        left_behind: Vec<StepId>,
    },
    /// It was cancelled, and what was made is unmade.
    RunCancelled {
        /// Why.
        reason: String,
        /// Steps whose compensation an operator skipped: what they made is still there.
        left_behind: Vec<StepId>,
    },
    /// An operator gave it up as it was.
    RunAbandoned {
        /// Why.
        reason: String,
        /// Steps that made something which is still there.
        left_behind: Vec<StepId>,
    },
}
