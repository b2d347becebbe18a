//! Gates on what a report says as a whole.

use super::look::{Said, look};
use crate::evidence::{Evidence, ReportKind, Verdict};
use crate::policy::{GateInput, GateName, GateResult};

/// SonarQube's quality gate is passed.
pub fn quality(input: &GateInput) -> GateResult {
    look(input, ReportKind::QualityGate, |e| match e.verdict {
        Verdict::Passed => Said::Fine,
        Verdict::Failed => Said::Wrong("the quality gate is not passed".to_owned()),
    })
    .result(
        GateName::QUALITY,
        "quality gate",
        "the quality gate is passed".to_owned(),
        "mend what SonarQube names and register a new release",
    )
}

/// There is a report on tests, and in none of the suites that were reported one failed.
pub fn tests(input: &GateInput) -> GateResult {
    let failed = |e: &Evidence| match e.tests.map_or(0, |tests| tests.failed) {
        0 if e.verdict == Verdict::Passed => Said::Fine,
        0 => Said::Wrong("the tests ended badly".to_owned()),
        failed => Said::Wrong(format!("{failed} tests failed")),
    };
    look(input, ReportKind::Tests, failed).result(
        GateName::TESTS,
        "test report",
        "all tests passed".to_owned(),
        "mend the tests and register a new release",
    )
}

/// There is a bill of materials.
pub fn sbom(input: &GateInput) -> GateResult {
    look(input, ReportKind::Sbom, |_| Said::Fine).result(
        GateName::SBOM,
        "bill of materials",
        "every image has a bill of materials".to_owned(),
        "",
    )
}
