//! Runs with their steps and tries.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use utoipa::ToSchema;
use uuid::Uuid;

use super::page::Keys;
use super::{Page, PageRequest, Queries};
use crate::QueryError;

/// One execution of a saga.
#[derive(Debug, Clone, PartialEq, Serialize, FromRow, ToSchema)]
pub struct Run {
    /// Its id.
    pub id: Uuid,
    /// The service's project.
    pub project: String,
    /// The service.
    pub service: String,
    /// `provision-service`, `add-component`, `add-environment`, `decommission-service` or `promote`.
    pub saga: String,
    /// Into which environment, of a `promote` run.
    pub environment: Option<String>,
    /// Whether resources that are there and not ours may be adopted.
    pub adopt: bool,
    /// `running`, `unwinding`, `stuck`, `succeeded`, `failed`, `cancelled` or `abandoned`.
    pub status: String,
    /// Whether it goes back: it unwinds, or is stuck while unwinding.
    pub going_back: bool,
    /// Why it unwinds or ended without success.
    pub cause: Option<String>,
    /// Why an operator abandoned it.
    pub end_reason: Option<String>,
    /// The step that waits for an operator.
    pub stuck_on: Option<String>,
    /// Why, and what to do.
    pub stuck_message: Option<String>,
    /// Steps whose resources are still there although the run ended without success.
    pub left_behind: Vec<String>,
    /// How many steps it has.
    pub steps_total: i64,
    /// How many of them are done or skipped.
    pub steps_done: i64,
    /// When it was planned.
    pub planned_at: DateTime<Utc>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When something last happened in it.
    pub updated_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// How long it took, once it has ended.
    pub duration_ms: Option<i64>,
    /// Version of the aggregate, for `If-Match`.
    pub version: i64,
}

/// A step of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunStep {
    /// Its name within the run.
    pub step: String,
    /// Each step comes after all that it depends on.
    pub ordinal: i32,
    /// Which tool carries it out.
    pub tool: String,
    /// Which connection of it.
    pub connection: String,
    /// What it does there.
    pub operation: String,
    /// Which steps come before.
    pub depends_on: Vec<String>,
    /// `pending`, `running`, `waiting`, `succeeded`, `failed`, `skipped`, `compensated` or `left-behind`.
    pub phase: String,
    /// Number of the newest try; 0 before the first.
    pub attempt: i64,
    /// Failed tries since the last success or operator's retry.
    pub failures: i64,
    /// Failed tries to undo it, since an operator's last retry.
    pub compensation_failures: i64,
    /// When it, or its undoing, is tried again.
    pub next_try_at: Option<DateTime<Utc>>,
    /// How its resource came to be ours: `created`, `existing` or `adopted`.
    pub provenance: Option<String>,
    /// When it was first tried.
    pub started_at: Option<DateTime<Utc>>,
    /// When it came to rest.
    pub finished_at: Option<DateTime<Utc>>,
    /// Time that the newest try spent in the tool.
    pub duration_ms: Option<i64>,
    /// What the newest failure said.
    pub last_error: Option<String>,
    /// Why an operator skipped it.
    pub skip_reason: Option<String>,
    /// Every try, the first first.
    pub attempts: Vec<RunAttempt>,
}

/// One try of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunAttempt {
    /// 1 for the step's first, whatever it did.
    pub ordinal: i32,
    /// `forward`, or `back` for an undoing.
    pub direction: String,
    /// Its number in the domain.
    pub attempt: i64,
    /// `running`, `succeeded`, `failed`, `superseded` (its worker was gone) or `awaited` (under way in the tool).
    pub outcome: String,
    /// What a failure means: `transient`, `permanent` or `unauthorised`.
    pub class: Option<String>,
    /// What a failure said.
    pub message: Option<String>,
    /// Of an undoing: whether something was deleted.
    pub deleted: Option<bool>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Time spent in the tool.
    pub duration_ms: Option<i64>,
}

/// A run with its steps and tries.
#[derive(Debug, Clone, PartialEq, Serialize, FromRow, ToSchema)]
pub struct RunDetail {
    /// The run.
    #[sqlx(flatten)]
    #[serde(flatten)]
    pub run: Run,
    /// Its steps, each after all that it depends on.
    #[sqlx(json)]
    pub steps: Vec<RunStep>,
}

/// Which runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct RunFilter {
    /// Of this project.
    pub project: Option<String>,
    /// Of this service.
    pub service: Option<String>,
    /// With this status.
    pub status: Option<String>,
    /// Of this saga.
    pub saga: Option<String>,
}

const RUN: &str = "SELECT r.id, r.project, r.service, r.saga, r.environment, r.adopt, r.status, r.going_back, r.cause, r.end_reason, \
    r.stuck_on, r.stuck_message, r.left_behind, r.planned_at, r.started_at, r.updated_at, r.finished_at, r.version, \
    (extract(epoch FROM r.finished_at - r.started_at) * 1000)::bigint AS duration_ms, \
    (SELECT count(*) FROM read.run_steps s WHERE s.run_id = r.id) AS steps_total, \
    (SELECT count(*) FROM read.run_steps s WHERE s.run_id = r.id AND s.phase IN ('succeeded', 'skipped')) \
        AS steps_done, ";

const STEPS: &str = "coalesce((SELECT jsonb_agg(to_jsonb(s) || jsonb_build_object('attempts', \
        coalesce((SELECT jsonb_agg(to_jsonb(a) ORDER BY a.ordinal) FROM read.run_attempts a \
                  WHERE a.run_id = s.run_id AND a.step = s.step), '[]')) ORDER BY s.ordinal) \
    FROM read.run_steps s WHERE s.run_id = r.id), '[]') AS steps";

const NEWEST_FIRST: Keys = Keys {
    columns: &["r.transaction_id", "r.position"],
    kind: "bigint",
    descending: true,
};

impl Queries {
    /// Runs, the newest first.
    pub async fn runs(&self, filter: &RunFilter, page: &PageRequest) -> Result<Page<Run>, QueryError> {
        let mut statement = self.statement(RUN);
        statement
            .push(NEWEST_FIRST.select())
            .push(self.located(" FROM read.runs r WHERE true"));
        let texts = [
            ("r.project", &filter.project),
            ("r.service", &filter.service),
            ("r.status", &filter.status),
            ("r.saga", &filter.saga),
        ];
        for (column, value) in texts {
            if let Some(value) = value {
                statement
                    .push(format!(" AND {column} = "))
                    .push_bind(value.clone());
            }
        }
        self.page(statement, NEWEST_FIRST, page).await
    }

    /// One run, with its steps and tries.
    pub async fn run(&self, id: Uuid) -> Result<Option<RunDetail>, QueryError> {
        let mut statement = self.statement(RUN);
        statement.push(self.located(STEPS));
        statement
            .push(self.located(" FROM read.runs r WHERE r.id = "))
            .push_bind(id);
        Ok(statement.build_query_as().fetch_optional(&self.pool).await?)
    }
}
