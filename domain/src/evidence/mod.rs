//! Evidence: what a report says of an image, in counts and a verdict.
//!
//! Evidence belongs to an image digest of a component, so that the same image is promoted with the same evidence. The
//! original report is kept apart, under its own digest; what is needed to decide is here.

mod artifact;
mod check;
mod scanned;
mod series;

pub use artifact::{Artifact, ArtifactCommand, ArtifactEvent, ArtifactKey, MAX_SCANS};
pub use scanned::{SCAN_MINUTES, ScanTime};
pub use series::{MAX_SERIES, Suite};

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{EnumIter, IntoEnumIterator, IntoStaticStr};

use crate::release::Digest;
use crate::{ComponentName, Environment, InvalidValue};

/// Most findings that evidence names one by one; the counts tell of all.
pub const MAX_FINDINGS: usize = 500;

/// What kind of report it is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum ReportKind {
    /// SonarQube's quality gate.
    QualityGate,
    /// Trivy's report on an image.
    ImageScan,
    /// Trivy's report on a file system.
    FilesystemScan,
    /// Trivy's report on configuration files.
    ConfigScan,
    /// Harbor's scan overview of an artifact.
    RegistryScan,
    /// A bill of materials, CycloneDX.
    Sbom,
    /// Static analysis, SARIF.
    StaticAnalysis,
    /// ZAP's report on a deployed environment.
    DynamicScan,
    /// Tests, JUnit.
    Tests,
}

impl ReportKind {
    /// Every kind.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::iter()
    }

    /// The name in the API: `image-scan`.
    pub fn slug(self) -> &'static str {
        match self {
            Self::QualityGate => "quality-gate",
            Self::ImageScan => "image-scan",
            Self::FilesystemScan => "filesystem-scan",
            Self::ConfigScan => "config-scan",
            Self::RegistryScan => "registry-scan",
            Self::Sbom => "sbom",
            Self::StaticAnalysis => "static-analysis",
            Self::DynamicScan => "dynamic-scan",
            Self::Tests => "tests",
        }
    }
}

impl std::fmt::Display for ReportKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.slug())
    }
}

impl std::str::FromStr for ReportKind {
    type Err = InvalidValue;
    fn from_str(value: &str) -> Result<Self, InvalidValue> {
        Self::iter().find(|k| k.slug() == value).ok_or_else(|| {
            let all = Self::iter().map(Self::slug).collect::<Vec<_>>().join(", ");
            InvalidValue::new("report kind", value, format!("one of {all}"))
        })
    }
}

/// How bad a finding is. The order of the variants is that of severity, the worst last.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    EnumIter,
    IntoStaticStr,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Severity {
    /// The tool does not say.
    Unknown,
    /// For information.
    Info,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Critical.
    Critical,
}

impl Severity {
    /// Every severity, the worst last.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::iter()
    }
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.into())
    }
}

/// Findings by severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SeverityCounts {
    /// Critical ones.
    pub critical: u32,
    /// High ones.
    pub high: u32,
    /// Medium ones.
    pub medium: u32,
    /// Low ones.
    pub low: u32,
    /// Those for information.
    pub info: u32,
    /// Those of which the tool does not say how bad they are.
    pub unknown: u32,
}

impl SeverityCounts {
    /// Counts one more; it stops at the largest number.
    pub fn add(&mut self, severity: Severity) {
        let count = match severity {
            Severity::Critical => &mut self.critical,
            Severity::High => &mut self.high,
            Severity::Medium => &mut self.medium,
            Severity::Low => &mut self.low,
            Severity::Info => &mut self.info,
            Severity::Unknown => &mut self.unknown,
        };
        *count = count.saturating_add(1);
    }

    /// How many there are of one severity.
    pub fn of(&self, severity: Severity) -> u32 {
        match severity {
            Severity::Critical => self.critical,
            Severity::High => self.high,
            Severity::Medium => self.medium,
            Severity::Low => self.low,
            Severity::Info => self.info,
            Severity::Unknown => self.unknown,
        }
    }
}

/// One finding that may matter for a gate: of severity high or critical.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What the tool calls it: `CVE-2026-1234`, a rule, an alert; at most 120 characters.
    pub id: String,
    /// How bad it is.
    pub severity: Severity,
    /// Where, in the tool's words (a package, a file, a URL); at most 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// How often the report lists it there; the counts have it as often.
    #[serde(default = "once")]
    pub times: u32,
}

/// How often a finding was there of which that was not recorded.
fn once() -> u32 {
    1
}

/// What tests ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TestCounts {
    /// Passed.
    pub passed: u32,
    /// Failed, or ended by an error.
    pub failed: u32,
    /// Not run.
    pub skipped: u32,
}

/// What a report comes to by its own rules; a gate may be stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing that speaks against the image: the gate is passed, no test failed, nothing critical was found.
    Passed,
    /// Something does.
    Failed,
}

impl Verdict {
    /// The name in the API: `passed`.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
        }
    }
}

/// Where a report comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A pipeline sent it: it is believed to be what its tool wrote.
    #[default]
    Uploaded,
    /// The tool itself told us, asked or by its signed webhook.
    Fetched,
}

/// What one report says of one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// What kind of report.
    pub kind: ReportKind,
    /// Where it comes from.
    #[serde(default)]
    pub origin: Origin,
    /// Digest of the original.
    pub report: Digest,
    /// Size of the original in bytes.
    pub size: u64,
    /// Who made it, with its version where it says so: `trivy 0.58.1`.
    pub tool: String,
    /// When it was made, as it says itself; of a dynamic scan whose report does not, when it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub produced_at: Option<DateTime<Utc>>,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// The environment that was looked at, of a dynamic scan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    /// The images that the environment ran when it was looked at, of a dynamic scan.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ran: BTreeMap<ComponentName, Digest>,
    /// Which of several reports of its kind it is, of which the latest counts: the tools' names, of static analysis, and
    /// the suite that it was sent as, also of tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
    /// What it comes to.
    pub verdict: Verdict,
    /// Findings by severity.
    pub counts: SeverityCounts,
    /// Findings of severity high and critical, the worst first, at most [`MAX_FINDINGS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Tests by outcome, of a report on tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<TestCounts>,
    /// Packages that a bill of materials names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub components: Option<u32>,
}

impl Evidence {
    /// The same, by the tool's own word.
    #[must_use]
    pub fn fetched(self) -> Self {
        Self {
            origin: Origin::Fetched,
            ..self
        }
    }

    /// How old it is: when it was made, and where it does not say so or claims the future, when it was recorded.
    pub fn made_at(&self) -> DateTime<Utc> {
        self.produced_at
            .map_or(self.recorded_at, |made| made.min(self.recorded_at))
    }

    /// Whether it speaks of the same as another: it is the same kind of report, of the same environment with the same
    /// images; by the same tools, and of the same suite.
    pub fn replaces(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.environment == other.environment
            && self.ran == other.ran
            && self.series() == other.series()
    }

    /// Whether it counts from now on instead of another that speaks of the same: what the tool itself said counts
    /// before what somebody sent of it, however new; else the later one. The same report again is nothing new.
    pub(super) fn outranks(&self, other: &Self) -> bool {
        match (self.origin, other.origin) {
            (Origin::Fetched, Origin::Uploaded) => true,
            (Origin::Uploaded, Origin::Fetched) => false,
            _ => self.report != other.report && self.made_at() >= other.made_at(),
        }
    }
}
