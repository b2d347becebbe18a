//! Findings by severity, in each report.

use opstella_domain::evidence::{Evidence, ReportKind, Severity};
use opstella_domain::policy::{GateVerdict, PolicyRules};

use crate::given::{critical, one, only, says};
use crate::support::promotion::{digest, evidence, findings, gate_input, later};

use GateVerdict::{Failed, Passed};
use Severity::{Critical, High};

#[test]
fn vulnerabilities_are_counted_by_severity() {
    let scan = findings(
        ReportKind::ImageScan,
        &[("CVE-1", Critical), ("CVE-2", High), ("CVE-3", High)],
    );
    let gate = |change: fn(&mut PolicyRules)| one(&only(change), &gate_input(vec![scan.clone()]));
    says(
        &gate(|r| r.max_critical = Some(0)),
        Failed,
        "api: 1 critical findings (CVE-1), at most 0 may be there",
    );
    says(
        &gate(|r| r.max_critical = Some(1)),
        Passed,
        "at most 1 critical vulnerabilities",
    );
    says(
        &gate(|r| r.max_high = Some(1)),
        Failed,
        "api: 2 high findings (CVE-2, CVE-3), at most 1 may be there",
    );
    let high = gate(|r| r.max_high = Some(2));
    assert_eq!(
        (high.gate.as_str(), high.verdict),
        ("no-high-vulnerability", Passed)
    );
    says(
        &one(&critical(), &gate_input(vec![])),
        Failed,
        "there is no image scan of api",
    );
}

#[test]
fn each_finding_is_named_once_and_few_are_named() {
    let found = |ids: &[&str]| {
        let found: Vec<_> = ids.iter().map(|id| (*id, Critical)).collect();
        let scan = findings(ReportKind::ImageScan, &found);
        one(&critical(), &gate_input(vec![scan])).reason
    };
    assert_eq!(
        found(&["CVE-1", "CVE-2", "CVE-1", "CVE-2"]),
        "api: 4 critical findings (CVE-1, CVE-2), at most 0 may be there"
    );
    assert_eq!(
        found(&["A", "B", "C", "D"]),
        "api: 4 critical findings (A, B, C, …), at most 0 may be there"
    );
}

#[test]
fn the_registrys_scan_and_the_uploaded_one_both_count() {
    let bad = Evidence {
        produced_at: Some(later(-10)),
        recorded_at: later(-9),
        ..findings(ReportKind::ImageScan, &[("CVE-1", Critical)])
    };
    let clean = |kind, made| Evidence {
        produced_at: Some(later(made)),
        recorded_at: later(-1),
        ..evidence(kind)
    };
    // Whichever is newer: a clean one hides nothing of the other.
    for made in [-60, -5] {
        let gate = one(
            &critical(),
            &gate_input(vec![bad.clone(), clean(ReportKind::RegistryScan, made)]),
        );
        says(
            &gate,
            Failed,
            "api, image-scan: 1 critical findings (CVE-1), at most 0 may be there",
        );
        assert_eq!(gate.evidence, [digest("image-scan"), digest("registry-scan")]);
        let found = Evidence {
            kind: ReportKind::RegistryScan,
            ..bad.clone()
        };
        let gate = one(
            &critical(),
            &gate_input(vec![found, clean(ReportKind::ImageScan, made)]),
        );
        assert_eq!(gate.verdict, Failed);
    }
    let both = vec![
        clean(ReportKind::ImageScan, -5),
        clean(ReportKind::RegistryScan, -5),
    ];
    assert_eq!(one(&critical(), &gate_input(both)).verdict, Passed);
    // One is enough where there is no other.
    let alone = vec![clean(ReportKind::RegistryScan, -5)];
    assert_eq!(one(&critical(), &gate_input(alone)).verdict, Passed);
}

#[test]
fn no_report_has_an_open_critical_finding() {
    let open = only(|r| r.no_open_critical = true);
    let gate = |evidence| one(&open, &gate_input(evidence));
    assert_eq!(gate(vec![]).verdict, Passed);
    let sarif = Evidence {
        report: digest("sarif"),
        ..findings(ReportKind::StaticAnalysis, &[("sql", Critical)])
    };
    let gate = gate(vec![evidence(ReportKind::Sbom), sarif]);
    says(
        &gate,
        Failed,
        "api, static-analysis: 1 critical findings (sql), at most 0 may be there",
    );
    assert_eq!(gate.evidence, [digest("sbom"), digest("sarif")]);
}
