//! Reports of tools, read into evidence.
//!
//! [`decompress`] takes a body as it was sent and gives the report, within [`Limits`]. [`parse`] reads a report of a
//! kind into [`Parsed`]: counts by severity, the worst findings by name, a verdict. Both take untrusted bytes: they
//! never panic, their memory is bounded, and their errors never quote the report.
//!
//! One file a format: `trivy`, `cyclonedx`, `sarif`, `zap`, `junit`, `harbor`, `sonarqube`. Lists are folded
//! as they are read (`json`), never kept whole. What a report says it is of is held against [`Expected`].
//! `docs/evidence.md` says what is counted and why.

mod cyclonedx;
mod error;
mod expected;
mod harbor;
mod json;
mod junit;
mod limits;
mod parsed;
mod sarif;
mod shape;
mod sonarqube;
mod tally;
mod trivy;
mod zap;

pub use error::ReportError;
pub use expected::Expected;
pub use limits::{Encoding, Limits, MAX_DEPTH, MAX_REPORT, MAX_SENT, decompress};
use opstella_domain::evidence::ReportKind;
pub use parsed::Parsed;
use shape::Shape;

/// Reads a report, after decompression.
///
/// # Errors
/// When it is too large, damaged, of another kind or tool, certainly of another image or commit than expected, or has
/// no result in it.
pub fn parse(kind: ReportKind, bytes: &[u8], expected: &Expected) -> Result<Parsed, ReportError> {
    if bytes.len() > MAX_REPORT {
        return Err(ReportError::TooLarge { limit: MAX_REPORT });
    }
    // Some shells of Windows put a mark of UTF-8 before what they write to a file.
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let is_xml = text.trim_ascii_start().starts_with(b"<");
    let body = match (kind, is_xml) {
        (ReportKind::Tests, true) => junit::read(text)?,
        (_, true) => return Err(shape::wrong_tool("XML", kind, &[])),
        (_, false) => read_json(kind, text)?,
    };
    expected.check(&body.named)?;
    Ok(body.into_parsed(kind, bytes))
}

fn read_json(kind: ReportKind, text: &[u8]) -> Result<parsed::Body, ReportError> {
    let shape = Shape::of(text)?;
    match (kind, shape) {
        (ReportKind::ImageScan | ReportKind::FilesystemScan | ReportKind::ConfigScan, Shape::Trivy) => {
            trivy::read(kind, text)
        }
        (ReportKind::Sbom, Shape::CycloneDx) => cyclonedx::read(text),
        (ReportKind::StaticAnalysis, Shape::Sarif) => sarif::read(text),
        (ReportKind::DynamicScan, Shape::Zap) => zap::read(text),
        (ReportKind::RegistryScan, Shape::HarborArtifact) => harbor::read_artifact(text),
        (ReportKind::RegistryScan, Shape::HarborByType) => harbor::read_by_type(text),
        (ReportKind::RegistryScan, Shape::HarborReport) => harbor::read_report(text),
        (ReportKind::QualityGate, Shape::SonarWebhook) => sonarqube::read_webhook(text),
        (ReportKind::QualityGate, Shape::SonarStatus) => sonarqube::read_status(text),
        _ => Err(shape::wrong_tool(shape.name(), kind, shape.kinds())),
    }
}
