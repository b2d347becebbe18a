//! One run while a batch is folded into it.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use opstella_domain::plan::{Plan, SagaKind, StepId};
use opstella_domain::run::{FailureClass, Run, RunEvent, RunStatus, StepPhase};
use opstella_domain::{Decide, Environment, RunId, ServiceKey};
use opstella_journal::RecordedEvent;
use serde_json::Value;

use super::rows::{AttemptRow, EndRow, RunRow, StepRow};
use crate::ApplyError;
use crate::decode::{bigint, halves, integer};
use crate::models::rows::{slug, unslug};

pub(super) struct RunView {
    run: Run,
    pub row: RunRow,
    pub steps: BTreeMap<StepId, StepRow>,
    /// As they are in the table.
    pub stored: BTreeMap<StepId, StepRow>,
    /// Tries that began in this batch.
    pub begun: BTreeMap<(StepId, i32), AttemptRow>,
    /// Ends of tries that began in an earlier one.
    pub ended: Vec<EndRow>,
}

/// How a try ended.
struct End {
    outcome: &'static str,
    class: Option<FailureClass>,
    message: Option<String>,
    duration_ms: Option<u64>,
}

impl RunView {
    /// A run that begins in this batch.
    pub fn planned(
        id: RunId,
        recorded: &RecordedEvent,
        (saga, service, adopt, at): (SagaKind, &ServiceKey, bool, DateTime<Utc>),
        environment: Option<Environment>,
        plan: &Plan,
    ) -> Result<Self, ApplyError> {
        let (transaction_id, position) = halves(recorded);
        let row = RunRow {
            id: id.0,
            project: service.project.to_string(),
            service: service.service.to_string(),
            saga: saga.slug().to_owned(),
            environment: environment.map(|e| e.as_str().to_owned()),
            adopt,
            status: String::new(),
            going_back: false,
            cause: None,
            unwind_cause: None,
            end_reason: None,
            stuck_on: None,
            stuck_message: None,
            left_behind: Vec::new(),
            planned_at: at,
            started_at: recorded.recorded_at,
            updated_at: recorded.recorded_at,
            finished_at: None,
            version: 0,
            transaction_id,
            position,
        };
        let mut steps = BTreeMap::new();
        for (ordinal, step) in plan.steps().iter().enumerate() {
            let operation = serde_json::to_value(&step.operation)?;
            let operation = operation.get("type").and_then(Value::as_str).unwrap_or_default();
            let step_row = StepRow {
                run_id: id.0,
                step: step.id.to_string(),
                ordinal: integer(ordinal),
                tool: step.tool().slug().to_owned(),
                connection: step.connection.to_string(),
                operation: operation.to_owned(),
                depends_on: step.depends_on.iter().map(ToString::to_string).collect(),
                phase: slug(&StepPhase::Pending)?,
                attempt: 0,
                failures: 0,
                compensation_attempt: 0,
                compensation_failures: 0,
                next_try_at: None,
                awaited_since: None,
                provenance: None,
                attempts: 0,
                started_at: None,
                finished_at: None,
                duration_ms: None,
                last_error: None,
                skip_reason: None,
            };
            steps.insert(step.id.clone(), step_row);
        }
        Ok(Self::new(Run::default(), row, steps, BTreeMap::new()))
    }

    /// A run as the tables have it. What `evolve` does not look at stays empty: the plan, the order of completion.
    pub fn loaded(row: RunRow, rows: Vec<StepRow>) -> Result<Self, ApplyError> {
        let mut steps = BTreeMap::new();
        let mut run = Run {
            id: Some(RunId(row.id)),
            saga: Some(unslug(&row.saga)?),
            service: format!("{}/{}", row.project, row.service).parse().ok(),
            adopt: row.adopt,
            environment: row.environment.as_deref().map(unslug).transpose()?,
            planned_at: Some(row.planned_at),
            status: row.run_status(),
            cause: row.unwind_cause.clone(),
            stuck_on: row.stuck_on.as_deref().map(unslug).transpose()?,
            ..Run::default()
        };
        for step_row in rows {
            let id: StepId = unslug(&step_row.step)?;
            run.steps.insert(id.clone(), step_row.state()?);
            steps.insert(id, step_row);
        }
        let stored = steps.clone();
        Ok(Self::new(run, row, steps, stored))
    }

    fn new(
        run: Run,
        row: RunRow,
        steps: BTreeMap<StepId, StepRow>,
        stored: BTreeMap<StepId, StepRow>,
    ) -> Self {
        Self {
            run,
            row,
            steps,
            stored,
            begun: BTreeMap::new(),
            ended: Vec::new(),
        }
    }

    /// Folds one event in.
    pub fn evolve(&mut self, recorded: &RecordedEvent, event: RunEvent) -> Result<(), ApplyError> {
        let at = recorded.recorded_at;
        self.row.updated_at = at;
        self.row.version = bigint(recorded.sequence);
        self.note(at, &event)?;
        self.run.evolve(event);
        Ok(())
    }

    /// Brings the rows in line with the domain's state, once all events of the batch are in.
    pub fn settle(&mut self) -> Result<(), ApplyError> {
        self.row.set_run_status(self.run.status);
        self.row.stuck_on = self.run.stuck_on.as_ref().map(ToString::to_string);
        if !matches!(self.run.status, RunStatus::Stuck { .. }) {
            self.row.stuck_message = None;
        }
        self.row.unwind_cause.clone_from(&self.run.cause);
        for (id, row) in &mut self.steps {
            if let Some(state) = self.run.steps.get(id) {
                row.set_state(state)?;
            }
        }
        Ok(())
    }

    /// Times, tries and words: what the domain's state does not keep.
    fn note(&mut self, at: DateTime<Utc>, event: &RunEvent) -> Result<(), ApplyError> {
        match event {
            RunEvent::RunPlanned { .. } => {}
            RunEvent::StepStarted { step, attempt } => self.started(at, step, *attempt)?,
            RunEvent::StepSucceeded {
                step, duration_ms, ..
            } => {
                let end = End {
                    outcome: "succeeded",
                    class: None,
                    message: None,
                    duration_ms: Some(*duration_ms),
                };
                self.end(at, step, end)?;
                self.with(step, |row| row.last_error = None);
            }
            RunEvent::StepFailed {
                step,
                class,
                message,
                duration_ms,
                ..
            } => {
                let (class, said) = (Some(*class), Some(message.clone()));
                let end = End {
                    outcome: "failed",
                    class,
                    message: said.clone(),
                    duration_ms: Some(*duration_ms),
                };
                self.end(at, step, end)?;
                self.with(step, |row| row.last_error = said);
            }
            RunEvent::StepRetryScheduled { step, .. } => self.with(step, |row| row.finished_at = None),
            RunEvent::StepAwaited { step, message, .. } => {
                let end = End {
                    outcome: "awaited",
                    class: None,
                    message: Some(message.clone()),
                    duration_ms: None,
                };
                self.end(at, step, end)?;
                self.with(step, |row| row.finished_at = None);
            }
            RunEvent::StepRetryRequested { .. } => {}
            RunEvent::StepSkipped { step, reason } => self.with(step, |row| {
                row.finished_at = Some(at);
                row.skip_reason = Some(reason.clone());
            }),
            RunEvent::UnwindStarted { .. } => {}
            RunEvent::StepCompensated {
                step,
                deleted,
                duration_ms,
            } => {
                let began = at - TimeDelta::milliseconds(bigint(*duration_ms).min(1 << 40));
                let attempt = self
                    .run
                    .steps
                    .get(step)
                    .map_or(0, |state| state.compensation_attempt + 1);
                self.undone(step, began, at, |row| {
                    row.attempt = attempt;
                    row.deleted = Some(*deleted);
                    row.duration_ms = Some(bigint(*duration_ms));
                });
                self.with(step, |row| row.finished_at = Some(at));
            }
            RunEvent::CompensationFailed {
                step,
                attempt,
                message,
                ..
            } => {
                self.undone(step, at, at, |row| {
                    row.attempt = *attempt;
                    row.outcome = "failed";
                    row.message = Some(message.clone());
                });
                self.with(step, |row| row.last_error = Some(message.clone()));
            }
            RunEvent::CompensationAwaited {
                step,
                attempt,
                message,
                ..
            } => self.undone(step, at, at, |row| {
                row.attempt = *attempt;
                row.outcome = "awaited";
                row.message = Some(message.clone());
            }),
            RunEvent::RunStuck { message, .. } => self.row.stuck_message = Some(message.clone()),
            RunEvent::RunSucceeded { left_behind }
            | RunEvent::RunFailed { left_behind, .. }
            | RunEvent::RunCancelled { left_behind, .. } => {
                self.finish(at, left_behind);
            }
            RunEvent::RunAbandoned { reason, left_behind } => {
                self.row.end_reason = Some(reason.clone());
                self.finish(at, left_behind);
            }
        }
        if let RunEvent::UnwindStarted { cause } = event {
            // As the domain words it.
            let worded = Run {
                cause: Some(cause.clone()),
                ..Run::default()
            };
            self.row.cause = Some(worded.cause_text());
        }
        Ok(())
    }

    fn finish(&mut self, at: DateTime<Utc>, left_behind: &[StepId]) {
        self.row.finished_at = Some(at);
        self.row.left_behind = left_behind.iter().map(ToString::to_string).collect();
    }

    fn with(&mut self, step: &StepId, change: impl FnOnce(&mut StepRow)) {
        if let Some(row) = self.steps.get_mut(step) {
            change(row);
        }
    }

    fn started(&mut self, at: DateTime<Utc>, step: &StepId, attempt: u32) -> Result<(), ApplyError> {
        let running = self
            .run
            .steps
            .get(step)
            .is_some_and(|state| state.phase == StepPhase::Running);
        if running {
            // Whoever carried it out is gone; its answer would be refused.
            let end = End {
                outcome: "superseded",
                class: None,
                message: None,
                duration_ms: None,
            };
            self.end(at, step, end)?;
        }
        let Some(row) = self.steps.get_mut(step) else {
            return Ok(());
        };
        row.attempts += 1;
        row.started_at.get_or_insert(at);
        row.finished_at = None;
        let begun = AttemptRow {
            run_id: row.run_id,
            step: row.step.clone(),
            ordinal: row.attempts,
            direction: "forward",
            attempt,
            outcome: "running",
            class: None,
            message: None,
            deleted: None,
            started_at: at,
            finished_at: None,
            duration_ms: None,
        };
        self.begun.insert((step.clone(), row.attempts), begun);
        Ok(())
    }

    /// The newest try of a step has ended.
    fn end(&mut self, at: DateTime<Utc>, step: &StepId, end: End) -> Result<(), ApplyError> {
        let Some(row) = self.steps.get_mut(step) else {
            return Ok(());
        };
        let duration_ms = end.duration_ms.map(bigint);
        row.finished_at = Some(at);
        row.duration_ms = duration_ms.or(row.duration_ms);
        let class = end.class.as_ref().map(slug).transpose()?;
        match self.begun.get_mut(&(step.clone(), row.attempts)) {
            Some(begun) => {
                begun.outcome = end.outcome;
                begun.class = class;
                begun.message = end.message;
                begun.finished_at = Some(at);
                begun.duration_ms = duration_ms;
            }
            None => self.ended.push(EndRow {
                run_id: row.run_id,
                step: row.step.clone(),
                ordinal: row.attempts,
                outcome: end.outcome,
                class,
                message: end.message,
                finished_at: at,
                duration_ms,
            }),
        }
        Ok(())
    }

    /// A try to undo a step, known only by its end.
    fn undone(
        &mut self,
        step: &StepId,
        began: DateTime<Utc>,
        at: DateTime<Utc>,
        fill: impl FnOnce(&mut AttemptRow),
    ) {
        let Some(row) = self.steps.get_mut(step) else {
            return;
        };
        row.attempts += 1;
        let mut attempt = AttemptRow {
            run_id: row.run_id,
            step: row.step.clone(),
            ordinal: row.attempts,
            direction: "back",
            attempt: 0,
            outcome: "succeeded",
            class: None,
            message: None,
            deleted: None,
            started_at: began,
            finished_at: Some(at),
            duration_ms: None,
        };
        fill(&mut attempt);
        self.begun.insert((step.clone(), row.attempts), attempt);
    }
}
