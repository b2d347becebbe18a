//! Evidence: what reports say of an image.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use utoipa::ToSchema;

use super::page::Keys;
use super::{Page, PageRequest, Queries};
use crate::QueryError;

/// What one report says of one image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, FromRow, ToSchema)]
pub struct Evidence {
    /// `quality-gate`, `image-scan`, `sbom`, `dynamic-scan`, `tests`, …
    pub kind: String,
    /// Where it comes from: `fetched`, the tool itself told us, asked or by its signed webhook; `uploaded`, a pipeline sent
    /// it.
    pub origin: String,
    /// Which environment was looked at, of a dynamic scan.
    pub environment: Option<String>,
    /// The images that it ran then, by component.
    #[sqlx(json)]
    pub ran: BTreeMap<String, String>,
    /// Which of several reports of its kind it is: the tools' names, of static analysis, and the suite that it was sent as,
    /// also of tests.
    pub series: Option<String>,
    /// `passed` or `failed`, by the report's own rules; a gate may be stricter.
    pub verdict: String,
    /// Findings by severity.
    #[sqlx(json)]
    pub counts: SeverityCount,
    /// Findings of severity high and critical, the worst first. With a release: at most 10 of them.
    #[sqlx(json)]
    pub findings: Vec<EvidenceFinding>,
    /// Tests by outcome, of a report on tests.
    #[sqlx(json(nullable))]
    pub tests: Option<TestCount>,
    /// Packages that a bill of materials names.
    pub packages: Option<i64>,
    /// Who made it, with its version.
    pub tool: String,
    /// Digest of the original.
    pub report: String,
    /// Size of the original in bytes.
    pub size: i64,
    /// When it was made, as it says itself.
    pub produced_at: Option<DateTime<Utc>>,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// Whether it is the newest of its kind: of a dynamic scan, of its environment with these images; of static analysis
    /// and tests, of its series. That counts.
    pub newest: bool,
}

/// Findings by severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeverityCount {
    /// Critical ones.
    pub critical: i64,
    /// High ones.
    pub high: i64,
    /// Medium ones.
    pub medium: i64,
    /// Low ones.
    pub low: i64,
    /// Those for information.
    pub info: i64,
    /// Those of which the tool does not say how bad they are.
    pub unknown: i64,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EvidenceFinding {
    /// What the tool calls it: `CVE-2026-1234`.
    pub id: String,
    /// `critical` or `high`.
    pub severity: String,
    /// Where, in the tool's words.
    pub location: Option<String>,
    /// How often the report lists it there; the counts have it as often.
    pub times: i64,
}

/// Tests by outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TestCount {
    /// Passed.
    pub passed: i64,
    /// Failed, or ended by an error.
    pub failed: i64,
    /// Not run.
    pub skipped: i64,
}

/// Which evidence: that on one image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct EvidenceFilter {
    /// The project.
    pub project: String,
    /// The service.
    pub service: String,
    /// The component whose image it is.
    pub component: String,
    /// Which image.
    pub digest: String,
    /// Of this kind only.
    pub kind: Option<String>,
}

const EVIDENCE: &str = "SELECT e.kind, e.origin, e.environment, e.ran, e.series, e.verdict, e.counts, e.findings, \
    e.tests, e.packages, e.tool, e.report, e.size, e.produced_at, e.recorded_at, e.newest, ";

const HAS_REPORT: &str = "SELECT EXISTS (SELECT FROM read.release_images i JOIN read.evidence e \
    ON e.project = i.project AND e.service = i.service AND e.component = i.component AND e.digest = i.digest \
    WHERE i.project = $1 AND i.service = $2 AND i.version = $3 AND e.report = $4)";

const NEWEST_FIRST: Keys = Keys {
    columns: &["e.transaction_id", "e.position"],
    kind: "bigint",
    descending: true,
};

impl Queries {
    /// All evidence on one image, the newest first.
    pub async fn evidence(
        &self,
        filter: &EvidenceFilter,
        page: &PageRequest,
    ) -> Result<Page<Evidence>, QueryError> {
        let mut statement = self.statement(EVIDENCE);
        statement
            .push(NEWEST_FIRST.select())
            .push(self.located(" FROM read.evidence e WHERE e.project = "))
            .push_bind(filter.project.clone());
        statement
            .push(" AND e.service = ")
            .push_bind(filter.service.clone());
        statement
            .push(" AND e.component = ")
            .push_bind(filter.component.clone());
        statement
            .push(" AND e.digest = ")
            .push_bind(filter.digest.clone());
        if let Some(kind) = &filter.kind {
            statement.push(" AND e.kind = ").push_bind(kind.clone());
        }
        self.page(statement, NEWEST_FIRST, page).await
    }

    /// Whether evidence on an image of a release, however old, rests on a report.
    pub async fn has_report(
        &self,
        project: &str,
        service: &str,
        release: &str,
        report: &str,
    ) -> Result<bool, QueryError> {
        let sql = self.located(HAS_REPORT);
        let found = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .bind(project)
            .bind(service)
            .bind(release)
            .bind(report)
            .fetch_one(&self.pool)
            .await?;
        Ok(found)
    }
}
