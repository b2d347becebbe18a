//! Delivery by week: DORA's four metrics of PRD. `models/delivery` says what counts.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use utoipa::ToSchema;

use super::Queries;
use crate::QueryError;

/// Most weeks that are told at once.
const MOST_WEEKS: u32 = 104;

/// How releases came into PRD in one week.
#[derive(Debug, Clone, PartialEq, Serialize, FromRow, ToSchema)]
pub struct DeliveryWeek {
    /// The ISO week: `2026-W48`.
    pub week: String,
    /// Its Monday. Weeks begin and end in UTC.
    pub starts_on: NaiveDate,
    /// Promotions forward that changed PRD, however they ended.
    pub attempts: i64,
    /// Those of them that were completed: the deployment frequency.
    pub deployments: i64,
    /// Those that were rolled back, left something behind, or were completed and then fell ill or were taken back.
    pub failures: i64,
    /// `failures` of `attempts`, 0 to 1; absent without attempts.
    pub change_failure_rate: Option<f64>,
    /// Median, over the changes that came to PRD for the first time, of the time from the commit (where CI does not say when
    /// that was, from the registration of the first release that has it) to that deployment's completion, in seconds;
    /// absent without such changes.
    pub lead_time_p50_seconds: Option<f64>,
    /// How often PRD was well again after a deployment that failed, or ill health.
    pub recoveries: i64,
    /// Median time that this took since that deployment began, or PRD fell ill, in seconds.
    pub recovery_p50_seconds: Option<f64>,
}

/// Whose deliveries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct DeliveryScope {
    /// Of this project; of the platform where absent.
    pub project: Option<String>,
    /// Of this service of the project.
    pub service: Option<String>,
}

const WEEKS: &str = "WITH weeks AS (SELECT monday::date AS week FROM generate_series( \
    date_trunc('week', $1 AT TIME ZONE 'UTC') - ($2 - 1) * interval '1 week', \
    date_trunc('week', $1 AT TIME ZONE 'UTC'), interval '1 week') AS monday), \
d AS (SELECT d.week, count(*) AS attempts, count(*) FILTER (WHERE d.outcome = 'completed') AS deployments, \
    count(*) FILTER (WHERE d.outcome <> 'completed' OR d.troubled) AS failures \
    FROM read.deployments d WHERE d.environment = 'PRD' AND d.kind = 'promote' \
    AND d.outcome <> 'unchanged' AND d.week >= (date_trunc('week', $1 AT TIME ZONE 'UTC') - ($2 - 1) * interval '1 week')::date \
    AND ($3::text IS NULL OR d.project = $3) AND ($4::text IS NULL OR d.service = $4) GROUP BY d.week), \
c AS (SELECT c.week, percentile_cont(0.5) WITHIN GROUP (ORDER BY c.lead_seconds) AS lead \
    FROM read.delivered_changes c WHERE c.environment = 'PRD' \
    AND c.week >= (date_trunc('week', $1 AT TIME ZONE 'UTC') - ($2 - 1) * interval '1 week')::date \
    AND ($3::text IS NULL OR c.project = $3) AND ($4::text IS NULL OR c.service = $4) GROUP BY c.week), \
r AS (SELECT r.week, count(*) AS recoveries, percentile_cont(0.5) WITHIN GROUP (ORDER BY r.seconds) AS recovery \
    FROM read.recoveries r WHERE r.environment = 'PRD' \
    AND r.week >= (date_trunc('week', $1 AT TIME ZONE 'UTC') - ($2 - 1) * interval '1 week')::date \
    AND ($3::text IS NULL OR r.project = $3) AND ($4::text IS NULL OR r.service = $4) GROUP BY r.week) \
SELECT to_char(w.week, 'IYYY-\"W\"IW') AS week, w.week AS starts_on, coalesce(d.attempts, 0) AS attempts, \
    coalesce(d.deployments, 0) AS deployments, coalesce(d.failures, 0) AS failures, \
    d.failures::float8 / nullif(d.attempts, 0) AS change_failure_rate, c.lead AS lead_time_p50_seconds, \
    coalesce(r.recoveries, 0) AS recoveries, r.recovery AS recovery_p50_seconds \
FROM weeks w LEFT JOIN d ON d.week = w.week LEFT JOIN c ON c.week = w.week LEFT JOIN r ON r.week = w.week ORDER BY w.week";

impl Queries {
    /// The last `weeks` weeks (1 to 104), the oldest first; the last one is that of `now`, and not over.
    pub async fn delivery(
        &self,
        scope: &DeliveryScope,
        weeks: u32,
        now: DateTime<Utc>,
    ) -> Result<Vec<DeliveryWeek>, QueryError> {
        let weeks = i32::try_from(weeks.clamp(1, MOST_WEEKS)).unwrap_or(1);
        let sql = self.located(WEEKS);
        let rows = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(now)
            .bind(weeks)
            .bind(&scope.project)
            .bind(&scope.service)
            .fetch_all(&self.pool)
            .await?;
        Ok(rows)
    }
}
