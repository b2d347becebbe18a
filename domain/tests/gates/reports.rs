//! What a report says as a whole.

use opstella_domain::evidence::{Evidence, ReportKind, Severity, TestCounts, Verdict};
use opstella_domain::policy::{GateVerdict, ImageEvidence, PolicyRules, evaluate};

use crate::given::{one, only, says};
use crate::support::promotion::{digest, evidence, findings, gate_input, name};

use GateVerdict::{Failed, Passed};
use Severity::Critical;

#[test]
fn without_rules_there_are_no_gates() {
    let evaluation = evaluate(&PolicyRules::default(), &gate_input(vec![]), vec![]);
    assert!(evaluation.gates.is_empty() && evaluation.open());
}

#[test]
fn what_a_report_says_as_a_whole() {
    let quality = only(|r| r.quality_gate = true);
    let failed = |kind| Evidence {
        verdict: Verdict::Failed,
        ..evidence(kind)
    };
    let gate = |rules: &PolicyRules, evidence| one(rules, &gate_input(evidence));

    let missing = gate(&quality, vec![]);
    says(&missing, Failed, "there is no quality gate of api");
    assert_eq!(missing.gate.as_str(), "quality-gate");
    let passed = gate(&quality, vec![evidence(ReportKind::QualityGate)]);
    says(&passed, Passed, "the quality gate is passed");
    assert_eq!(passed.evidence, [digest("quality-gate")]);
    let closed = gate(&quality, vec![failed(ReportKind::QualityGate)]);
    says(&closed, Failed, "api: the quality gate is not passed");
    assert_eq!(closed.evidence, [digest("quality-gate")]);

    let tests = only(|r| r.tests = true);
    let three = Evidence {
        tests: Some(TestCounts {
            passed: 1,
            failed: 3,
            skipped: 0,
        }),
        ..evidence(ReportKind::Tests)
    };
    says(&gate(&tests, vec![]), Failed, "there is no test report of api");
    says(&gate(&tests, vec![three]), Failed, "api: 3 tests failed");
    says(
        &gate(&tests, vec![failed(ReportKind::Tests)]),
        Failed,
        "api: the tests ended badly",
    );
    says(
        &gate(&tests, vec![evidence(ReportKind::Tests)]),
        Passed,
        "all tests passed",
    );

    let sbom = only(|r| r.sbom = true);
    says(
        &gate(&sbom, vec![]),
        Failed,
        "there is no bill of materials of api",
    );
    let there = gate(&sbom, vec![evidence(ReportKind::Sbom)]);
    says(&there, Passed, "every image has a bill of materials");
}

#[test]
fn every_suite_and_every_tool_is_looked_at() {
    let of = |kind, series: &str, failed: u32| {
        let mut report = evidence(kind);
        report.report = digest(series);
        report.series = Some(series.to_owned());
        if kind == ReportKind::Tests {
            report.tests.as_mut().unwrap().failed = failed;
        } else {
            report = Evidence {
                report: report.report,
                series: report.series,
                ..findings(kind, &vec![("sql", Critical); failed as usize])
            };
        }
        report
    };
    let tests = only(|r| r.tests = true);
    let gate = one(
        &tests,
        &gate_input(vec![
            of(ReportKind::Tests, "unit", 2),
            of(ReportKind::Tests, "e2e", 0),
        ]),
    );
    says(&gate, Failed, "api, unit: 2 tests failed");
    assert_eq!(gate.evidence, [digest("unit"), digest("e2e")]);
    let open = only(|r| r.no_open_critical = true);
    let gate = one(
        &open,
        &gate_input(vec![
            of(ReportKind::StaticAnalysis, "semgrep", 1),
            of(ReportKind::StaticAnalysis, "gosec", 0),
        ]),
    );
    says(
        &gate,
        Failed,
        "api, static-analysis of semgrep: 1 critical findings (sql), at most 0 may be there",
    );
}

#[test]
fn every_image_is_looked_at() {
    let mut input = gate_input(vec![evidence(ReportKind::QualityGate)]);
    let web = ImageEvidence {
        digest: digest("web-1"),
        evidence: vec![],
    };
    input.images.insert(name("web"), web);
    let quality = only(|r| r.quality_gate = true);
    says(&one(&quality, &input), Failed, "there is no quality gate of web");
    let web = Evidence {
        report: digest("other"),
        verdict: Verdict::Failed,
        ..evidence(ReportKind::QualityGate)
    };
    input.images.get_mut(&name("web")).unwrap().evidence = vec![web];
    let gate = one(&quality, &input);
    says(&gate, Failed, "web: the quality gate is not passed");
    assert_eq!(gate.evidence, [digest("quality-gate"), digest("other")]);
}
