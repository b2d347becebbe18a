//! Evidence by image: every report, and which of each kind is the newest.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use opstella_domain::ComponentName;
use opstella_domain::evidence::{ArtifactEvent, Finding, SeverityCounts, TestCounts};
use opstella_domain::release::Digest;
use opstella_journal::RecordedEvent;
use serde::Serialize;
use sqlx::PgConnection;

use crate::ApplyError;
use crate::decode::{bigint, halves};
use crate::models::place;
use crate::models::rows::{self, slug};

const SUPERSEDE: &str = "
UPDATE evidence e SET newest = false
FROM jsonb_to_recordset($1) AS k(project text, service text, component text, digest text, kind text, environment text,
    ran jsonb, series text)
WHERE e.newest AND e.project = k.project AND e.service = k.service AND e.component = k.component
    AND e.digest = k.digest AND e.kind = k.kind AND e.environment IS NOT DISTINCT FROM k.environment
    AND e.ran = k.ran AND e.series IS NOT DISTINCT FROM k.series";

const EVIDENCE: &str = "
INSERT INTO evidence
SELECT * FROM jsonb_to_recordset($1) AS r(transaction_id bigint, position bigint, project text, service text,
    component text, digest text, kind text, environment text, ran jsonb, series text, report text, size bigint,
    tool text, produced_at timestamptz, recorded_at timestamptz, verdict text, counts jsonb, findings jsonb, tests jsonb,
    packages bigint, origin text, newest boolean)";

/// What newer evidence replaces.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Topic {
    project: String,
    service: String,
    component: String,
    digest: String,
    kind: &'static str,
    environment: Option<&'static str>,
    ran: BTreeMap<ComponentName, Digest>,
    series: Option<String>,
}

#[derive(Serialize)]
struct EvidenceRow {
    transaction_id: i64,
    position: i64,
    #[serde(flatten)]
    topic: Topic,
    report: String,
    size: i64,
    tool: String,
    produced_at: Option<DateTime<Utc>>,
    recorded_at: DateTime<Utc>,
    verdict: String,
    counts: SeverityCounts,
    findings: Vec<Finding>,
    tests: Option<TestCounts>,
    packages: Option<u32>,
    origin: String,
    newest: bool,
}

pub(super) async fn apply(
    tx: &mut PgConnection,
    events: Vec<(&RecordedEvent, ArtifactEvent)>,
) -> Result<(), ApplyError> {
    let mut evidence: Vec<EvidenceRow> = Vec::new();
    let mut newest: BTreeMap<Topic, usize> = BTreeMap::new();
    for (index, (recorded, event)) in events.into_iter().enumerate() {
        let row = row(recorded, event)?;
        newest.insert(row.topic.clone(), index);
        evidence.push(row);
    }
    for index in newest.values() {
        if let Some(row) = evidence.get_mut(*index) {
            row.newest = true;
        }
    }
    let topics: Vec<Topic> = newest.into_keys().collect();
    rows::write(tx, SUPERSEDE, &topics).await?;
    rows::write(tx, EVIDENCE, &evidence).await
}

fn row(recorded: &RecordedEvent, event: ArtifactEvent) -> Result<EvidenceRow, ApplyError> {
    let ArtifactEvent::EvidenceAdded { key, evidence } = event;
    let (project, service) = place::halves(&key.service);
    let (transaction_id, position) = halves(recorded);
    Ok(EvidenceRow {
        transaction_id,
        position,
        topic: Topic {
            project,
            service,
            component: key.component.to_string(),
            digest: key.digest.to_string(),
            kind: evidence.kind.slug(),
            environment: evidence.environment.map(|e| e.as_str()),
            series: evidence.series().map(str::to_owned),
            ran: evidence.ran,
        },
        report: evidence.report.to_string(),
        size: bigint(evidence.size),
        tool: evidence.tool,
        produced_at: evidence.produced_at,
        recorded_at: evidence.recorded_at,
        verdict: slug(&evidence.verdict)?,
        origin: slug(&evidence.origin)?,
        counts: evidence.counts,
        findings: evidence.findings,
        tests: evidence.tests,
        packages: evidence.components,
        newest: false,
    })
}
