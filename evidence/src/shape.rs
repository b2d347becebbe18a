//! Telling reports apart by the keys of their outermost object.

use opstella_domain::evidence::ReportKind;

use crate::{ReportError, json};

/// Which tool's JSON it looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Trivy's own JSON.
    Trivy,
    /// CycloneDX.
    CycloneDx,
    /// SARIF.
    Sarif,
    /// ZAP's traditional JSON report.
    Zap,
    /// Harbor's artifact with its scan overview.
    HarborArtifact,
    /// Harbor's scan overviews or reports by media type.
    HarborByType,
    /// One scan overview or report of Harbor.
    HarborReport,
    /// What SonarQube sends to webhooks.
    SonarWebhook,
    /// What SonarQube answers when asked for a project's status.
    SonarStatus,
    /// Another object.
    Other,
    /// JSON, and no object.
    NoObject,
}

impl Shape {
    /// Reads all of it, so that what is not JSON, or cut off, ends here.
    pub(crate) fn of(bytes: &[u8]) -> Result<Self, ReportError> {
        let mut keys = Keys::default();
        match json::keys(bytes, |key| keys.look(key)) {
            Ok(()) => Ok(keys.shape()),
            Err(ReportError::Malformed { .. }) => Ok(Self::NoObject),
            Err(other) => Err(other),
        }
    }

    /// What people call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Trivy => "a Trivy report",
            Self::CycloneDx => "a CycloneDX bill of materials",
            Self::Sarif => "a SARIF report",
            Self::Zap => "a ZAP report",
            Self::HarborArtifact | Self::HarborByType | Self::HarborReport => "a Harbor scan",
            Self::SonarWebhook | Self::SonarStatus => "a SonarQube quality gate",
            Self::Other => "JSON of another tool",
            Self::NoObject => "JSON that is no object",
        }
    }

    /// The kinds that take it; which one of Trivy's, only the inside tells.
    pub(crate) fn kinds(self) -> &'static [ReportKind] {
        match self {
            Self::Trivy => &[
                ReportKind::ImageScan,
                ReportKind::FilesystemScan,
                ReportKind::ConfigScan,
            ],
            Self::CycloneDx => &[ReportKind::Sbom],
            Self::Sarif => &[ReportKind::StaticAnalysis],
            Self::Zap => &[ReportKind::DynamicScan],
            Self::HarborArtifact | Self::HarborByType | Self::HarborReport => &[ReportKind::RegistryScan],
            Self::SonarWebhook | Self::SonarStatus => &[ReportKind::QualityGate],
            Self::Other | Self::NoObject => &[],
        }
    }
}

/// Where a kind's report comes from.
pub(crate) fn source(kind: ReportKind) -> &'static str {
    match kind {
        ReportKind::QualityGate => "SonarQube's webhook or the answer of api/qualitygates/project_status",
        ReportKind::ImageScan => "what `trivy image --format json` writes",
        ReportKind::FilesystemScan => "what `trivy fs --format json` or `trivy repo --format json` writes",
        ReportKind::ConfigScan => "what `trivy config --format json` writes",
        ReportKind::RegistryScan => {
            "Harbor's artifact with with_scan_overview=true, or its vulnerability report"
        }
        ReportKind::Sbom => "a bill of materials in CycloneDX JSON",
        ReportKind::StaticAnalysis => "SARIF 2.1.0",
        ReportKind::DynamicScan => "ZAP's traditional JSON report",
        ReportKind::Tests => "JUnit XML",
    }
}

/// A refusal that says which kinds take it, if we know, and what the wanted kind takes.
pub(crate) fn wrong_tool(
    found: impl Into<String>,
    expected: ReportKind,
    right: &[ReportKind],
) -> ReportError {
    let source = source(expected);
    let right: Vec<&str> = right.iter().map(|kind| kind.slug()).collect();
    let hint = if right.is_empty() {
        format!("send {source}")
    } else {
        format!("send it as kind {}, or send {source}", right.join(" or "))
    };
    ReportError::WrongTool {
        found: found.into(),
        expected,
        hint,
    }
}

/// Which telling keys were seen.
#[derive(Default)]
struct Keys {
    trivy: bool,
    cyclonedx: bool,
    runs: bool,
    site: bool,
    zap: bool,
    scan_overview: bool,
    by_type: bool,
    scan_status: bool,
    vulnerabilities: bool,
    quality_gate: bool,
    project_status: bool,
    analysis: bool,
}

impl Keys {
    fn look(&mut self, key: &str) {
        match key {
            "SchemaVersion" | "ArtifactType" => self.trivy = true,
            "bomFormat" => self.cyclonedx = true,
            "runs" => self.runs = true,
            "site" => self.site = true,
            "@programName" => self.zap = true,
            // Of an artifact that was not scanned the first is missing.
            "scan_overview" | "manifest_media_type" => self.scan_overview = true,
            "scan_status" => self.scan_status = true,
            "vulnerabilities" => self.vulnerabilities = true,
            "qualityGate" => self.quality_gate = true,
            "analysedAt" | "taskId" => self.analysis = true,
            "projectStatus" => self.project_status = true,
            _ if is_media_type(key) => self.by_type = true,
            _ => {}
        }
    }

    fn shape(&self) -> Shape {
        let shapes = [
            (self.trivy, Shape::Trivy),
            (self.cyclonedx, Shape::CycloneDx),
            (self.runs, Shape::Sarif),
            (self.site || self.zap, Shape::Zap),
            (self.scan_overview, Shape::HarborArtifact),
            (self.by_type, Shape::HarborByType),
            (self.scan_status || self.vulnerabilities, Shape::HarborReport),
            (self.quality_gate || self.analysis, Shape::SonarWebhook),
            (self.project_status, Shape::SonarStatus),
        ];
        let found = shapes.iter().find(|(seen, _)| *seen);
        found.map_or(Shape::Other, |(_, shape)| *shape)
    }
}

/// Whether a key is the media type of a report in Harbor: `application/vnd.security.vulnerability.report; version=1.1`.
pub(crate) fn is_media_type(key: &str) -> bool {
    key.starts_with("application/vnd.")
}
