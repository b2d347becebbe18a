//! What can be asked of a run: by operators, and by the engine that executes it.

use chrono::{DateTime, Utc};

use super::FailureClass;
use crate::plan::{Plan, SagaKind, StepId};
use crate::resource::StepOutcome;
use crate::{Environment, RunId, ServiceKey, Tool};

/// What can be asked of a run.
#[derive(Debug, Clone)]
pub enum RunCommand {
    /// Makes the run, with its first steps started.
    Plan {
        /// Its id.
        run: RunId,
        /// Which saga.
        saga: SagaKind,
        /// For which service.
        service: ServiceKey,
        /// Whether resources that are there and not ours may be adopted.
        adopt: bool,
        /// Now.
        at: DateTime<Utc>,
        /// Into which environment, of a saga that promotes.
        environment: Option<Environment>,
        /// Its steps.
        plan: Plan,
    },
    /// A new engine takes the run over: steps that are under way start again under the next attempt number.
    Resume,
    /// A scheduled try is due.
    StartRetry {
        /// Which step.
        step: StepId,
        /// The scheduled try.
        attempt: u32,
    },
    /// A try succeeded.
    RecordSuccess {
        /// Which step.
        step: StepId,
        /// At which try.
        attempt: u32,
        /// What is there; none in a removing saga.
        outcome: Option<StepOutcome>,
        /// Time spent in the tool, in milliseconds.
        duration_ms: u64,
    },
    /// A try failed.
    RecordFailure {
        /// Which step.
        step: StepId,
        /// At which try.
        attempt: u32,
        /// What it means.
        class: FailureClass,
        /// Why, and what to do.
        message: String,
        /// When a transient failure is tried again.
        retry_at: DateTime<Utc>,
        /// Time spent in the tool, in milliseconds.
        duration_ms: u64,
    },
    /// A try found the step, or its compensation, under way in the tool.
    RecordAwaited {
        /// Which step.
        step: StepId,
        /// At which try; of a compensation, as [`super::Work::Compensate`] named it.
        attempt: u32,
        /// Whether it is the compensation.
        back: bool,
        /// What it waits for.
        message: String,
        /// Now.
        at: DateTime<Utc>,
        /// When it is looked at again.
        look_at: DateTime<Utc>,
    },
    /// A tool says that something happened: steps that wait for it are looked at now.
    LookAgain {
        /// Of which tool.
        tool: Tool,
    },
    /// What a step had made is gone.
    RecordCompensated {
        /// Which step.
        step: StepId,
        /// At which try of the compensation, as [`super::Work::Compensate`] named it.
        attempt: u32,
        /// Whether something was deleted.
        deleted: bool,
        /// Time spent in the tool, in milliseconds.
        duration_ms: u64,
    },
    /// A compensation failed.
    RecordCompensationFailure {
        /// Which step.
        step: StepId,
        /// At which try of the compensation, as [`super::Work::Compensate`] named it.
        attempt: u32,
        /// What it means.
        class: FailureClass,
        /// Why, and what to do.
        message: String,
        /// When a transient failure is tried again.
        retry_at: DateTime<Utc>,
    },
    /// `RetryStep`: tries a stuck or waiting step again, now.
    RetryStep {
        /// Which step.
        step: StepId,
    },
    /// `SkipStep`: goes on as if the step were done; of a compensation, leaves behind what the step had made. A promotion
    /// that goes forward refuses it.
    SkipStep {
        /// Which step.
        step: StepId,
        /// Why.
        reason: String,
    },
    /// `CancelRun`: unmakes what was made.
    Cancel {
        /// Why.
        reason: String,
    },
    /// `AbandonRun`: ends a stuck run as it is.
    Abandon {
        /// Why.
        reason: String,
    },
}

impl RunCommand {
    /// The command's name in the API and in metadata.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Plan { .. } => "PlanRun",
            Self::Resume => "ResumeRun",
            Self::StartRetry { .. } => "StartRetry",
            Self::RecordSuccess { .. } => "RecordStepSuccess",
            Self::RecordFailure { .. } => "RecordStepFailure",
            Self::RecordAwaited { .. } => "RecordStepAwaited",
            Self::LookAgain { .. } => "LookAgain",
            Self::RecordCompensated { .. } => "RecordCompensation",
            Self::RecordCompensationFailure { .. } => "RecordCompensationFailure",
            Self::RetryStep { .. } => "RetryStep",
            Self::SkipStep { .. } => "SkipStep",
            Self::Cancel { .. } => "CancelRun",
            Self::Abandon { .. } => "AbandonRun",
        }
    }
}
