//! Fixtures, and short ways to read them.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use opstella_domain::evidence::{Finding, ReportKind, Severity, SeverityCounts};
use opstella_domain::release::Digest;
use opstella_evidence::{Expected, Parsed, ReportError, parse};

/// Every fixture with its kind.
pub const ALL: [(ReportKind, &str); 15] = [
    (ReportKind::ImageScan, "trivy-image.json"),
    (ReportKind::FilesystemScan, "trivy-fs.json"),
    (ReportKind::ConfigScan, "trivy-config.json"),
    (ReportKind::Sbom, "cyclonedx-1.4.json"),
    (ReportKind::Sbom, "cyclonedx-1.5.json"),
    (ReportKind::StaticAnalysis, "sarif.json"),
    (ReportKind::DynamicScan, "zap.json"),
    (ReportKind::DynamicScan, "zap-clean.json"),
    (ReportKind::Tests, "junit-surefire.xml"),
    (ReportKind::Tests, "junit-pytest.xml"),
    (ReportKind::Tests, "junit-gtest.xml"),
    (ReportKind::RegistryScan, "harbor-artifact.json"),
    (ReportKind::RegistryScan, "harbor-report.json"),
    (ReportKind::QualityGate, "sonar-webhook.json"),
    (ReportKind::QualityGate, "sonar-status.json"),
];

pub fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).unwrap()
}

pub fn text(name: &str) -> String {
    String::from_utf8(fixture(name)).unwrap()
}

/// Parses, with nothing expected.
pub fn read(kind: ReportKind, bytes: impl AsRef<[u8]>) -> Result<Parsed, ReportError> {
    parse(kind, bytes.as_ref(), &Expected::default())
}

pub fn read_fixture(kind: ReportKind, name: &str) -> Parsed {
    read(kind, fixture(name)).unwrap()
}

/// `sha256:` and 64 times this.
pub fn digest(letter: &str) -> Digest {
    format!("sha256:{}", letter.repeat(64)).parse().unwrap()
}

/// An image, of which no more is known.
pub fn image(letter: &str) -> Expected {
    Expected {
        digest: Some(digest(letter)),
        ..Expected::default()
    }
}

/// Critical, high, medium, low, info, unknown.
pub fn counts(numbers: [u32; 6]) -> SeverityCounts {
    let [critical, high, medium, low, info, unknown] = numbers;
    SeverityCounts {
        critical,
        high,
        medium,
        low,
        info,
        unknown,
    }
}

pub fn finding(severity: Severity, id: &str, location: Option<&str>) -> Finding {
    found(1, severity, id, location)
}

/// A finding that is there so often.
pub fn found(times: u32, severity: Severity, id: &str, location: Option<&str>) -> Finding {
    Finding {
        id: id.to_owned(),
        severity,
        location: location.map(str::to_owned),
        times,
    }
}
