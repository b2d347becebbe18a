//! The rows of the runs' tables, and how they hold the domain's states.

use chrono::{DateTime, Utc};
use opstella_domain::run::{RunStatus, StepState, UnwindCause};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ApplyError;
use crate::models::rows::{slug, unslug};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct RunRow {
    pub id: Uuid,
    pub project: String,
    pub service: String,
    pub saga: String,
    pub environment: Option<String>,
    pub adopt: bool,
    pub status: String,
    pub going_back: bool,
    pub cause: Option<String>,
    pub unwind_cause: Option<UnwindCause>,
    pub end_reason: Option<String>,
    pub stuck_on: Option<String>,
    pub stuck_message: Option<String>,
    pub left_behind: Vec<String>,
    pub planned_at: DateTime<Utc>,
    pub started_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
    pub version: i64,
    pub transaction_id: i64,
    pub position: i64,
}

impl RunRow {
    pub fn run_status(&self) -> RunStatus {
        match self.status.as_str() {
            "running" => RunStatus::Running,
            "unwinding" => RunStatus::Unwinding,
            "stuck" => RunStatus::Stuck {
                unwinding: self.going_back,
            },
            "succeeded" => RunStatus::Succeeded,
            "failed" => RunStatus::Failed,
            "cancelled" => RunStatus::Cancelled,
            "abandoned" => RunStatus::Abandoned,
            _ => RunStatus::Unknown,
        }
    }

    pub fn set_run_status(&mut self, status: RunStatus) {
        status.slug().clone_into(&mut self.status);
        self.going_back = matches!(
            status,
            RunStatus::Unwinding | RunStatus::Stuck { unwinding: true }
        );
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct StepRow {
    pub run_id: Uuid,
    pub step: String,
    pub ordinal: i32,
    pub tool: String,
    pub connection: String,
    pub operation: String,
    pub depends_on: Vec<String>,
    pub phase: String,
    pub attempt: u32,
    pub failures: u32,
    pub compensation_attempt: u32,
    pub compensation_failures: u32,
    pub next_try_at: Option<DateTime<Utc>>,
    pub awaited_since: Option<DateTime<Utc>>,
    pub provenance: Option<String>,
    pub attempts: i32,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    pub duration_ms: Option<i64>,
    pub last_error: Option<String>,
    pub skip_reason: Option<String>,
}

impl StepRow {
    pub fn state(&self) -> Result<StepState, ApplyError> {
        Ok(StepState {
            phase: unslug(&self.phase)?,
            attempt: self.attempt,
            failures: self.failures,
            not_before: self.next_try_at,
            awaited_since: self.awaited_since,
            provenance: self.provenance.as_deref().map(unslug).transpose()?,
            compensation_attempt: self.compensation_attempt,
            compensation_failures: self.compensation_failures,
            // Nothing that is shown depends on these.
            due: None,
            deleted: false,
            commit: None,
            uncertain: false,
        })
    }

    pub fn set_state(&mut self, state: &StepState) -> Result<(), ApplyError> {
        let phase: &'static str = state.phase.into();
        phase.clone_into(&mut self.phase);
        self.attempt = state.attempt;
        self.failures = state.failures;
        self.next_try_at = state.not_before;
        self.awaited_since = state.awaited_since;
        self.provenance = state.provenance.as_ref().map(slug).transpose()?;
        self.compensation_attempt = state.compensation_attempt;
        self.compensation_failures = state.compensation_failures;
        Ok(())
    }
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct AttemptRow {
    pub run_id: Uuid,
    pub step: String,
    pub ordinal: i32,
    pub direction: &'static str,
    pub attempt: u32,
    pub outcome: &'static str,
    pub class: Option<String>,
    pub message: Option<String>,
    pub deleted: Option<bool>,
    pub started_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
    pub duration_ms: Option<i64>,
}

/// The end of a try that an earlier batch saw begin.
#[derive(Debug, Clone, Serialize)]
pub(super) struct EndRow {
    pub run_id: Uuid,
    pub step: String,
    pub ordinal: i32,
    pub outcome: &'static str,
    pub class: Option<String>,
    pub message: Option<String>,
    pub finished_at: DateTime<Utc>,
    pub duration_ms: Option<i64>,
}
