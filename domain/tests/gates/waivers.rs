//! Waivers of a gate, and of a finding.

use opstella_domain::evidence::{Evidence, MAX_FINDINGS, ReportKind, Severity};
use opstella_domain::policy::GateVerdict;

use crate::given::{CRITICAL, OPEN_CRITICAL, critical, one, only, says};
use crate::support::promotion::{digest, evidence, findings, gate_input, later, name, waiver};

use GateVerdict::{Failed, Passed, Waived};
use Severity::Critical;

#[test]
fn a_waiver_passes_over_a_gate_until_it_expires() {
    let mut input = gate_input(vec![findings(ReportKind::ImageScan, &[("CVE-1", Critical)])]);
    input.waivers = vec![waiver(1, CRITICAL, None)];
    let gate = one(&critical(), &input);
    says(
        &gate,
        Waived,
        "waived by sam until 2026-01-03 03:04 UTC: not reachable \
         (api: 1 critical findings (CVE-1), at most 0 may be there)",
    );
    assert_eq!(gate.evidence, [digest("image-scan")]);
    // Missing evidence is passed over, too; an open gate needs no waiver.
    input.images.get_mut(&name("api")).unwrap().evidence = vec![];
    assert_eq!(one(&critical(), &input).verdict, Waived);
    input.images.get_mut(&name("api")).unwrap().evidence = vec![evidence(ReportKind::ImageScan)];
    assert_eq!(one(&critical(), &input).verdict, Passed);
    // Another gate's waiver does not count, nor one that has expired.
    let mut other = gate_input(vec![]);
    other.waivers = vec![waiver(1, OPEN_CRITICAL, None)];
    assert_eq!(one(&critical(), &other).verdict, Failed);
    other.waivers = vec![waiver(1, CRITICAL, None)];
    other.at = other.waivers[0].expires_at;
    assert_eq!(one(&critical(), &other).verdict, Failed);
}

#[test]
fn a_waiver_of_a_finding_holds_for_the_scan_that_only_counts() {
    let named = findings(ReportKind::ImageScan, &[("CVE-1", Critical)]);
    let counted = |many| {
        let mut overview = evidence(ReportKind::RegistryScan);
        overview.produced_at = Some(later(-10));
        (0..many).for_each(|_| overview.counts.add(Critical));
        overview
    };
    let said = |many| {
        let mut input = gate_input(vec![
            Evidence {
                produced_at: Some(later(-10)),
                ..named.clone()
            },
            counted(many),
        ]);
        let before = one(&critical(), &input);
        input.waivers = vec![waiver(1, CRITICAL, Some("CVE-1"))];
        (before, one(&critical(), &input))
    };
    let (before, after) = said(1);
    says(
        &before,
        Failed,
        "api, image-scan: 1 critical findings (CVE-1), at most 0 may be there; \
         api, registry-scan: 1 critical findings (CVE-1), at most 0 may be there",
    );
    assert_eq!(after.verdict, Waived);
    let (_, after) = said(2);
    says(
        &after,
        Failed,
        "api, registry-scan: 1 critical findings, at most 0 may be there",
    );
}

#[test]
fn a_later_scan_that_only_counts_may_have_found_something_else() {
    let named = Evidence {
        produced_at: Some(later(-10)),
        ..findings(ReportKind::ImageScan, &[("CVE-1", Critical)])
    };
    let said = |scanned: i64| {
        let mut overview = evidence(ReportKind::RegistryScan);
        overview.produced_at = Some(later(scanned));
        overview.counts.add(Critical);
        let mut input = gate_input(vec![named.clone(), overview]);
        input.waivers = vec![waiver(1, CRITICAL, Some("CVE-1"))];
        one(&critical(), &input)
    };
    for scanned in [-60, -10] {
        assert_eq!(said(scanned).verdict, Waived);
    }
    // The one that Trivy named was withdrawn, perhaps, and Harbor counts another.
    says(
        &said(-1),
        Failed,
        "api, registry-scan: 1 critical findings, at most 0 may be there",
    );
}

#[test]
fn a_waiver_of_a_finding_passes_over_this_finding() {
    let scan = findings(
        ReportKind::ImageScan,
        &[("CVE-1", Critical), ("CVE-2", Critical), ("CVE-1", Critical)],
    );
    let mut input = gate_input(vec![scan]);
    input.waivers = vec![waiver(1, CRITICAL, Some("CVE-1"))];
    says(
        &one(&critical(), &input),
        Failed,
        "api: 1 critical findings (CVE-2), at most 0 may be there",
    );
    input.waivers.push(waiver(2, CRITICAL, Some("CVE-2")));
    says(
        &one(&critical(), &input),
        Waived,
        "api: CVE-1 is waived by sam until 2026-01-03 03:04 UTC: not reachable; \
         CVE-2 is waived by sam until 2026-01-03 03:04 UTC: not reachable",
    );
    // Each gate by itself.
    let open = only(|r| r.no_open_critical = true);
    assert_eq!(one(&open, &input).verdict, Failed);
    input.at = input.waivers[0].expires_at;
    assert_eq!(one(&critical(), &input).verdict, Failed);
    // A finding's waiver is none of the gate.
    input.waivers = vec![waiver(1, "quality-gate", Some("x"))];
    assert_eq!(one(&only(|r| r.quality_gate = true), &input).verdict, Failed);
}

#[test]
fn a_waiver_of_a_finding_passes_over_all_of_its_places() {
    let twice = |kind| {
        let mut scan = findings(kind, &[("CVE-1", Critical)]);
        scan.findings[0].times = 2;
        scan.counts.critical = 2;
        scan
    };
    for (rules, gate, kind) in [
        (critical(), CRITICAL, ReportKind::ImageScan),
        (
            only(|r| r.no_open_critical = true),
            OPEN_CRITICAL,
            ReportKind::StaticAnalysis,
        ),
    ] {
        let mut input = gate_input(vec![twice(kind)]);
        assert!(one(&rules, &input).reason.contains("2 critical findings (CVE-1)"));
        input.waivers = vec![waiver(1, gate, Some("CVE-1"))];
        assert_eq!(one(&rules, &input).verdict, Waived);
        // What is not waived stays.
        input.images.get_mut(&name("api")).unwrap().evidence[0]
            .counts
            .critical += 1;
        assert!(
            one(&rules, &input)
                .reason
                .contains("1 critical findings, at most 0")
        );
    }
}

#[test]
fn what_trivy_has_at_two_places_and_harbor_counts_once_hides_nothing_of_harbors() {
    let mut named = findings(ReportKind::ImageScan, &[("CVE-1", Critical)]);
    named.findings[0].times = 2;
    named.counts.critical = 2;
    let said = |counted: u32| {
        let mut overview = evidence(ReportKind::RegistryScan);
        overview.counts.critical = counted;
        let mut input = gate_input(vec![named.clone(), overview]);
        input.waivers = vec![waiver(1, CRITICAL, Some("CVE-1"))];
        one(&critical(), &input)
    };
    assert_eq!(said(1).verdict, Waived);
    says(
        &said(2),
        Failed,
        "api, registry-scan: 1 critical findings, at most 0 may be there",
    );
}

#[test]
fn findings_that_evidence_does_not_name_cannot_be_waived_by_name() {
    let ids: Vec<String> = (0..MAX_FINDINGS).map(|n| format!("CVE-{n}")).collect();
    let found: Vec<_> = ids.iter().map(|id| (id.as_str(), Critical)).collect();
    let mut scan = findings(ReportKind::ImageScan, &found);
    scan.counts.critical += 7;
    let mut input = gate_input(vec![scan]);
    input.waivers = ids
        .iter()
        .enumerate()
        .map(|(n, id)| waiver(n as u128, CRITICAL, Some(id)))
        .collect();
    says(
        &one(&critical(), &input),
        Failed,
        "api: 7 critical findings, at most 0 may be there",
    );
    input.images.get_mut(&name("api")).unwrap().evidence[0]
        .counts
        .critical -= 7;
    let gate = one(&critical(), &input);
    assert_eq!(gate.verdict, Waived);
    assert!(gate.reason.len() < 400, "{}", gate.reason);
}
