//! What a report comes to.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use opstella_domain::Environment;
use opstella_domain::evidence::{Evidence, Finding, Origin, ReportKind, SeverityCounts, TestCounts, Verdict};
use opstella_domain::release::Digest;

use crate::expected::Named;
use crate::tally::Tally;

/// What a report comes to: evidence but for what the report cannot know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// What kind of report.
    pub kind: ReportKind,
    /// Digest of the report, after decompression.
    pub report: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Who made it, with its version where it says so.
    pub tool: String,
    /// When it was made, as it says itself.
    pub produced_at: Option<DateTime<Utc>>,
    /// Whose report it is, of a kind that several tools make: their names, without versions.
    pub series: Option<String>,
    /// What it comes to.
    pub verdict: Verdict,
    /// Findings by severity.
    pub counts: SeverityCounts,
    /// Findings of severity high and critical, each once with how often it is there, the worst first, at most
    /// [`opstella_domain::evidence::MAX_FINDINGS`].
    pub findings: Vec<Finding>,
    /// Tests by outcome, of a report on tests.
    pub tests: Option<TestCounts>,
    /// Packages that a bill of materials names.
    pub components: Option<u32>,
}

impl Parsed {
    /// The evidence, with what the report cannot know; as sent, see [`Evidence::fetched`].
    pub fn into_evidence(self, recorded_at: DateTime<Utc>, environment: Option<Environment>) -> Evidence {
        Evidence {
            kind: self.kind,
            origin: Origin::Uploaded,
            report: self.report,
            size: self.size,
            tool: self.tool,
            produced_at: self.produced_at,
            recorded_at,
            environment,
            ran: BTreeMap::new(),
            series: self.series,
            verdict: self.verdict,
            counts: self.counts,
            findings: self.findings,
            tests: self.tests,
            components: self.components,
        }
    }
}

/// What a reader takes from its format.
#[derive(Debug, Default)]
pub(crate) struct Body {
    /// The tool, with its version.
    pub(crate) tool: String,
    /// When it was made.
    pub(crate) produced_at: Option<DateTime<Utc>>,
    /// Whose it is, where several tools make such.
    pub(crate) series: Option<String>,
    /// Whether it fails whatever was counted: the gate failed, a test failed.
    pub(crate) failed: bool,
    /// The findings.
    pub(crate) tally: Tally,
    /// Tests by outcome.
    pub(crate) tests: Option<TestCounts>,
    /// Packages.
    pub(crate) components: Option<u32>,
    /// What it says it is of.
    pub(crate) named: Named,
}

impl Body {
    /// The whole, for a report of these bytes.
    pub(crate) fn into_parsed(self, kind: ReportKind, bytes: &[u8]) -> Parsed {
        let counts = self.tally.counts();
        let failed = self.failed || counts.critical > 0;
        Parsed {
            kind,
            report: Digest::of(bytes),
            size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            tool: self.tool,
            produced_at: self.produced_at,
            series: self.series,
            verdict: if failed { Verdict::Failed } else { Verdict::Passed },
            counts,
            findings: self.tally.into_findings(),
            tests: self.tests,
            components: self.components,
        }
    }
}
