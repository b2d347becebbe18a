//! Every gate: passed, failed, waiting, waived; why, on which evidence, and what would open it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::collections::BTreeSet;

use opstella_domain::Environment;
use opstella_domain::evidence::{Evidence, MAX_FINDINGS, ReportKind, Severity, TestCounts, Verdict};
use opstella_domain::policy::{
    Approval, ApprovalRule, ApproverRole, CustomGate, Evaluation, Freeze, FreezeWindow, GateInput,
    GateResult, GateVerdict, ImageEvidence, PolicyRules, PolicyVersions, Predecessor, WeekTime,
    approval_gate, evaluate,
};
use support::at;
use support::promotion::{
    approval, digest, evidence, findings, gate, gate_input, images, later, name, roles, time, version, waiver,
};

use GateVerdict::{Failed, Passed, Waiting as Waited, Waived};
use Severity::{Critical, High};

const CRITICAL: &str = "no-critical-vulnerability";
const OPEN_CRITICAL: &str = "no-open-critical-finding";

/// Rules with one gate.
fn only(change: impl FnOnce(&mut PolicyRules)) -> PolicyRules {
    let mut rules = PolicyRules::default();
    change(&mut rules);
    rules
}

/// The only gate of the rules. Whatever it says, it says why; and what to do where it is closed.
#[track_caller]
fn one(rules: &PolicyRules, input: &GateInput) -> GateResult {
    let evaluation = evaluate(rules, input, vec![]);
    assert_eq!(evaluation.gates.len(), 1, "{:?}", evaluation.gates);
    check(&evaluation);
    evaluation.gates[0].clone()
}

fn check(evaluation: &Evaluation) {
    for gate in &evaluation.gates {
        assert!(!gate.reason.trim().is_empty(), "{gate:?}");
        let remedy = gate.remedy.as_ref().is_some_and(|r| !r.trim().is_empty());
        assert_eq!(remedy, !gate.verdict.open(), "{gate:?}");
        assert!(gate.opens_at.is_none() || gate.verdict == Waited, "{gate:?}");
        assert!(gate.opens_at.is_none_or(|at_then| at_then > at()));
    }
    let open = evaluation.gates.iter().all(|gate| gate.verdict.open());
    assert_eq!(evaluation.open(), open);
}

/// The gate says this, with these words in its reason.
#[track_caller]
fn says(gate: &GateResult, verdict: GateVerdict, reason: &str) {
    assert_eq!(gate.verdict, verdict, "{gate:?}");
    assert_eq!(gate.reason, reason);
}

fn critical() -> PolicyRules {
    only(|r| r.max_critical = Some(0))
}

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
        overview.produced_at = Some(later(-5));
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

fn scan_of(environment: Environment, severity: Option<Severity>) -> Evidence {
    let found: Vec<_> = severity.map(|severity| ("alert", severity)).into_iter().collect();
    Evidence {
        environment: Some(environment),
        report: digest(&format!("zap {environment}")),
        ..findings(ReportKind::DynamicScan, &found)
    }
}

#[test]
fn the_dynamic_scan_of_an_environment_has_no_high_alert() {
    use Environment::{Pre, Sit, Uat};
    let rules = only(|r| r.dynamic_scan = Some(Uat));
    let gate = |evidence| one(&rules, &gate_input(evidence));
    let missing = "there is no dynamic scan of UAT with these images";
    says(&gate(vec![]), Failed, missing);
    says(&gate(vec![scan_of(Sit, None)]), Failed, missing);
    let passed = gate(vec![scan_of(Uat, Some(Severity::Medium))]);
    says(&passed, Passed, "the scan of UAT has no high alert");
    assert_eq!(passed.evidence, [digest("zap UAT")]);
    for severity in [High, Critical] {
        let found = gate(vec![scan_of(Uat, Some(severity)), scan_of(Pre, None)]);
        assert_eq!(found.verdict, Failed, "the environment that is named comes first");
        assert_eq!(found.evidence, [digest("zap UAT")]);
    }
    let mut input = gate_input(vec![scan_of(Uat, Some(High))]);
    input.waivers = vec![waiver(1, "dynamic-scan", Some("alert"))];
    assert_eq!(one(&rules, &input).verdict, Waived);
}

#[test]
fn one_image_bears_the_dynamic_scan_for_all() {
    let rules = only(|r| r.dynamic_scan = Some(Environment::Uat));
    let mut input = gate_input(vec![]);
    let web = ImageEvidence {
        digest: digest("web-1"),
        evidence: vec![Evidence {
            ran: images(&[("api", "api-1"), ("web", "web-1"), ("db", "db-1")]),
            ..scan_of(Environment::Uat, None)
        }],
    };
    input.images.insert(name("web"), web);
    assert_eq!(one(&rules, &input).verdict, Passed);
}

#[test]
fn a_dynamic_scan_of_the_last_release_says_nothing_of_a_changed_component() {
    let rules = only(|r| r.dynamic_scan = Some(Environment::Uat));
    // `api` is as it was, and bears the scan; `web` is new.
    for ran in [
        images(&[("api", "api-1"), ("web", "web-0")]),
        images(&[("api", "api-1")]),
    ] {
        let scan = Evidence {
            ran,
            ..scan_of(Environment::Uat, None)
        };
        let mut input = gate_input(vec![scan]);
        let web = ImageEvidence {
            digest: digest("web-1"),
            evidence: vec![],
        };
        input.images.insert(name("web"), web);
        says(
            &one(&rules, &input),
            Failed,
            "there is no dynamic scan of UAT with these images; the newest is of other images of web",
        );
    }
}

#[test]
fn a_service_without_the_environment_to_scan_is_not_blocked_for_ever() {
    use Environment::{Dev, Pre, Uat};
    let rules = only(|r| r.dynamic_scan = Some(Uat));
    // DEV, PRD: the one before is scanned.
    let mut input = gate_input(vec![]);
    input.environments = [Dev, Environment::Prd].into();
    input.predecessor = Some(Predecessor {
        environment: Dev,
        running: None,
    });
    says(
        &one(&rules, &input),
        Failed,
        "there is no dynamic scan of DEV with these images",
    );
    input.images.get_mut(&name("api")).unwrap().evidence = vec![scan_of(Dev, None)];
    assert_eq!(one(&rules, &input).verdict, Passed);
    // SIT, PRE, PRD: one that is further on.
    let mut without = gate_input(vec![scan_of(Pre, None)]);
    without.environments = [Environment::Sit, Pre, Environment::Prd].into();
    assert_eq!(one(&rules, &without).verdict, Passed);
    without.images.get_mut(&name("api")).unwrap().evidence.clear();
    says(
        &one(&rules, &without),
        Failed,
        "there is no dynamic scan of PRE with these images",
    );
    // PRD alone.
    input.predecessor = None;
    assert_eq!(one(&rules, &input).verdict, Passed);
}

#[test]
fn a_scan_of_another_environment_does_not_stand_for_the_one_to_scan() {
    let rules = only(|r| r.dynamic_scan = Some(Environment::Uat));
    // The service has UAT: what was found in PRE does not count for it.
    let input = gate_input(vec![scan_of(Environment::Pre, None)]);
    says(
        &one(&rules, &input),
        Failed,
        "there is no dynamic scan of UAT with these images",
    );
    let both = gate_input(vec![
        scan_of(Environment::Pre, Some(High)),
        scan_of(Environment::Uat, None),
    ]);
    assert_eq!(one(&rules, &both).verdict, Passed);
    // On the way into UAT it cannot have been scanned there: the one before is.
    let mut earlier = gate_input(vec![scan_of(Environment::Sit, None)]);
    earlier.predecessor.as_mut().unwrap().environment = Environment::Sit;
    assert_eq!(one(&rules, &earlier).verdict, Passed);
    earlier.images.get_mut(&name("api")).unwrap().evidence = vec![scan_of(Environment::Dev, None)];
    assert_eq!(one(&rules, &earlier).verdict, Failed);
}

#[test]
fn the_environment_before_runs_the_release_well() {
    let rules = only(|r| r.healthy_before = true);
    let gate = |change: &dyn Fn(&mut Predecessor)| {
        let mut input = gate_input(vec![]);
        change(input.predecessor.as_mut().unwrap());
        one(&rules, &input)
    };
    says(&gate(&|_| {}), Passed, "the release is healthy in PRE");
    let ill = gate(&|p| p.running.as_mut().unwrap().healthy = false);
    says(&ill, Failed, "the release is not healthy in PRE");
    let other = gate(&|p| p.running.as_mut().unwrap().release = version("0.9"));
    says(&other, Failed, "PRE runs 0.9, not 1.0.0");
    says(&gate(&|p| p.running = None), Failed, "PRE runs nothing");
    let mut first = gate_input(vec![]);
    first.predecessor = None;
    says(&one(&rules, &first), Passed, "there is no environment before");
}

#[test]
fn the_environment_before_has_run_the_release_for_a_while() {
    let rules = only(|r| r.soak_minutes = 60);
    let gate = |minutes: i64, release: &str| {
        let mut input = gate_input(vec![]);
        let running = input.predecessor.as_mut().unwrap().running.as_mut().unwrap();
        running.since = later(minutes);
        running.release = version(release);
        one(&rules, &input)
    };
    let waits = gate(-59, "1.0.0");
    says(
        &waits,
        Waited,
        "in PRE since 2026-01-02 02:05 UTC, 60 minutes are asked for",
    );
    assert_eq!(waits.opens_at, Some(later(1)));
    assert_eq!(waits.remedy.as_deref(), Some("wait until 2026-01-02 03:05 UTC"));
    assert_eq!(gate(-60, "1.0.0").verdict, Passed);
    assert_eq!(gate(-60, "0.9").verdict, Failed);
    let mut input = gate_input(vec![]);
    input.predecessor = None;
    assert_eq!(one(&rules, &input).verdict, Passed);
}

fn freeze(name: &str, minutes: i64) -> FreezeWindow {
    FreezeWindow {
        name: name.into(),
        timezone: "UTC".parse().unwrap(),
        when: Freeze::Once {
            from: later(-10).naive_utc(),
            to: later(minutes).naive_utc(),
        },
    }
}

#[test]
fn a_freeze_holds_until_it_ends_or_two_admins_override_it() {
    let rules = only(|r| r.freezes = vec![freeze("long", 20), freeze("short", 5), freeze("over", 0)]);
    let mut input = gate_input(vec![]);
    let waits = one(&rules, &input);
    says(&waits, Waited, "the freeze `long` holds");
    assert_eq!(waits.opens_at, Some(later(20)));
    // Security has no say in it.
    input.waivers = vec![waiver(1, "no-freeze", None)];
    assert_eq!(one(&rules, &input).verdict, Waited);
    let second = waits.remedy.unwrap();
    assert!(second.contains("a second platform admin"), "{second}");
    input.waivers = vec![];
    input.overridden_freezes = rules.freezes_held(input.at);
    assert_eq!(input.overridden_freezes.len(), 2);
    says(
        &one(&rules, &input),
        Waived,
        "the freeze `long` was overridden by two platform admins",
    );
    input.overridden_freezes = vec![];
    input.at = later(20);
    says(
        &evaluate(&rules, &input, vec![]).gates[0],
        Passed,
        "no freeze holds",
    );
}

#[test]
fn an_override_is_of_the_freezes_that_held_and_of_no_others() {
    let rules = only(|r| r.freezes = vec![freeze("first", 20)]);
    let mut input = gate_input(vec![]);
    input.overridden_freezes = rules.freezes_held(input.at);
    assert_eq!(one(&rules, &input).verdict, Waived);
    // One that is set meanwhile, also under the same name.
    for name in ["second", "first"] {
        let more = only(|r| r.freezes = vec![freeze("first", 20), freeze(name, 15)]);
        let waits = one(&more, &input);
        says(&waits, Waited, &format!("the freeze `{name}` holds"));
        assert_eq!(waits.opens_at, Some(later(15)));
    }
    // One that comes again: next week's is another.
    let monday = |hour: u32| WeekTime {
        day: 1,
        time: chrono::NaiveTime::from_hms_opt(hour, 0, 0).unwrap(),
    };
    let weekly = FreezeWindow {
        when: Freeze::Weekly {
            from: monday(8),
            to: monday(18),
        },
        ..freeze("weekly", 0)
    };
    let rules = only(|r| r.freezes = vec![weekly.clone()]);
    input.at = time("2026-01-05T12:00:00Z");
    input.overridden_freezes = rules.freezes_held(input.at);
    assert_eq!(one(&rules, &input).verdict, Waived);
    input.at = time("2026-01-12T12:00:00Z");
    assert_eq!(one(&rules, &input).verdict, Waited);
}

#[test]
fn a_change_is_named() {
    let rules = only(|r| r.change_reference = true);
    let mut input = gate_input(vec![]);
    says(&one(&rules, &input), Passed, "change CHG1");
    input.change_reference = None;
    input.waivers = vec![waiver(1, "change-reference", None)];
    says(&one(&rules, &input), Failed, "the promotion names no change");
}

#[test]
fn a_custom_gate_says_what_it_was_told_and_is_closed_where_it_was_not() {
    let custom = CustomGate {
        name: "licences".into(),
        rego: "package opstella.gate".into(),
    };
    let rules = only(|r| r.custom = vec![custom]);
    let mut input = gate_input(vec![]);
    let told = evaluate(&rules, &input, vec![gate("custom:licences", Passed)]);
    assert!(told.open());
    let denied = || vec![gate("custom:licences", Failed)];
    assert!(!evaluate(&rules, &input, denied()).open());
    says(&one(&rules, &input), Failed, "it was not looked at");
    assert_eq!(one(&rules, &input).gate.as_str(), "custom:licences");
    input.waivers = vec![waiver(1, "custom:licences", None)];
    assert_eq!(evaluate(&rules, &input, denied()).gates[0].verdict, Waived);
}

fn rule(of: &[ApproverRole], people: u8) -> ApprovalRule {
    ApprovalRule {
        roles: roles(of),
        people,
    }
}

#[test]
fn approvals_are_counted_by_person_for_each_rule() {
    use ApproverRole::{Owner, Security, Tester};
    let gate = |rules: &[ApprovalRule], approvals: &[Approval]| {
        let gate = approval_gate(rules, approvals, false).unwrap();
        assert_eq!(gate.remedy.is_some(), gate.verdict == Waited);
        (gate.verdict, gate.reason)
    };
    assert!(approval_gate(&[], &[approval("a", &[Owner])], true).is_none());
    let two = [rule(&[Owner, Security], 2)];
    assert_eq!(
        gate(&two, &[]),
        (
            Waited,
            "approvals are missing: 2 by owner or security (there are 0)".into()
        )
    );
    let twice = [approval("a", &[Owner]), approval("a", &[Security])];
    assert_eq!(gate(&two, &twice).0, Waited, "one person is one");
    let of_another = [approval("a", &[Owner]), approval("b", &[Tester])];
    assert_eq!(gate(&two, &of_another).0, Waited);
    let all = [
        approval("a", &[Owner]),
        approval("b", &[Security]),
        approval("c", &[Tester]),
    ];
    assert_eq!(gate(&two, &all), (Passed, "approved by a, b".into()));
    let both = [rule(&[Tester], 1), rule(&[Security], 1)];
    assert_eq!(gate(&both, &[approval("a", &[Tester, Security])]).0, Passed);
    assert_eq!(
        gate(&both, &[approval("a", &[Tester])]).1,
        "approvals are missing: 1 by security (there are 0)"
    );
}

#[test]
fn what_is_asked_of_approvers_is_said() {
    let rules = [rule(&[ApproverRole::Owner], 1)];
    let remedy = |independent| approval_gate(&rules, &[], independent).unwrap().remedy.unwrap();
    assert!(remedy(true).contains("wrote") && !remedy(false).contains("wrote"));
}

/// Rules and an input with every gate.
fn everything() -> (PolicyRules, GateInput) {
    let rules = PolicyRules {
        tests: true,
        sbom: true,
        max_high: Some(0),
        freezes: vec![freeze("a", 20)],
        ..PolicyRules::default_for(Environment::Prd)
    };
    let mut evidence: Vec<_> = ReportKind::all().map(evidence).collect();
    evidence.retain(|e| e.kind != ReportKind::RegistryScan);
    (rules, gate_input(evidence))
}

#[test]
fn all_gates_of_production() {
    let (rules, mut input) = everything();
    let evaluation = evaluate(&rules, &input, vec![]);
    check(&evaluation);
    let names: Vec<_> = evaluation.gates.iter().map(|g| g.gate.as_str()).collect();
    assert_eq!(
        names,
        [
            "quality-gate",
            "tests-passed",
            "bill-of-materials",
            CRITICAL,
            "no-high-vulnerability",
            "healthy-before",
            "dynamic-scan",
            OPEN_CRITICAL,
            "soaked",
            "no-freeze",
            "change-reference"
        ]
    );
    let closed: Vec<_> = evaluation.gates.iter().filter(|g| !g.verdict.open()).collect();
    assert_eq!(closed.len(), 1);
    assert_eq!(evaluation.approvals, rules.approvals);
    assert!(evaluation.independent_approvers);
    input.images.values_mut().for_each(|image| image.evidence.clear());
    input.predecessor.as_mut().unwrap().running = None;
    input.change_reference = None;
    let evaluation = evaluate(&rules, &input, vec![]);
    check(&evaluation);
    let open: Vec<_> = evaluation.gates.iter().filter(|g| g.verdict.open()).collect();
    assert_eq!(open.len(), 1, "no report, no critical finding: {open:?}");
}

#[test]
fn the_basis_changes_with_what_approvals_rest_on_and_not_with_time() {
    let (rules, input) = everything();
    let basis = |change: &dyn Fn(&mut GateInput)| {
        let mut input = input.clone();
        change(&mut input);
        evaluate(&rules, &input, vec![]).basis
    };
    let before = basis(&|_| {});
    let bad = || findings(ReportKind::StaticAnalysis, &[("sql", Critical)]);
    let api = name("api");
    let another: [&dyn Fn(&mut GateInput); 5] = [
        &|i| {
            i.policy = PolicyVersions {
                platform: 1,
                project: 0,
            }
        },
        &|i| {
            i.policy = PolicyVersions {
                platform: 0,
                project: 1,
            }
        },
        &|i| i.images.get_mut(&api).unwrap().digest = digest("api-2"),
        &|i| i.images.get_mut(&api).unwrap().evidence.push(bad()),
        &|i| i.images.get_mut(&api).unwrap().evidence.clear(),
    ];
    let mut all = BTreeSet::from([before.clone()]);
    for change in another {
        all.insert(basis(change));
    }
    assert_eq!(all.len(), 6, "each is another");
    let same: [&dyn Fn(&mut GateInput); 8] = [
        &|i| i.at = later(60),
        &|i| i.at = later(-60 * 24),
        &|i| i.overridden_freezes = only(|r| r.freezes = vec![freeze("long", 20)]).freezes_held(i.at),
        &|i| i.change_reference = None,
        &|i| i.waivers = vec![waiver(1, CRITICAL, None)],
        // The environment before fell ill, or runs something else by now.
        &|i| i.predecessor.as_mut().unwrap().running.as_mut().unwrap().healthy = false,
        &|i| i.predecessor.as_mut().unwrap().running = None,
        // The same verdict by another report.
        &|i| i.images.get_mut(&api).unwrap().evidence[0].report = digest("later"),
    ];
    for (index, change) in same.into_iter().enumerate() {
        assert_eq!(basis(change), before, "{index}");
    }
}

#[test]
fn the_basis_changes_with_verdicts_that_a_gate_looked_at() {
    let basis = |rules: &PolicyRules, evidence| evaluate(rules, &gate_input(evidence), vec![]).basis;
    let scan = || evidence(ReportKind::ImageScan);
    let analysis = |verdict, contents: &str| Evidence {
        verdict,
        report: digest(contents),
        ..evidence(ReportKind::StaticAnalysis)
    };
    let (passed, failed) = (analysis(Verdict::Passed, "a"), analysis(Verdict::Failed, "b"));

    // No gate looks at it: a new kind voids nothing, whatever it says.
    let before = basis(&critical(), vec![scan()]);
    for one in [&passed, &failed] {
        assert_eq!(basis(&critical(), vec![scan(), one.clone()]), before);
    }
    // A gate looks at it: one more that passed changes nothing, one that failed does, also where the gate stays open.
    let open = only(|r| r.no_open_critical = true);
    let before = basis(&open, vec![scan()]);
    assert_eq!(basis(&open, vec![scan(), passed]), before);
    let bad = basis(&open, vec![scan(), failed]);
    assert_ne!(bad, before);
    let later = analysis(Verdict::Failed, "later");
    assert_eq!(basis(&open, vec![scan(), later]), bad, "the same verdict");
    // Of the same kind, but another tool's.
    let mut other = analysis(Verdict::Failed, "c");
    other.series = Some("gosec".into());
    assert_ne!(basis(&open, vec![scan(), other]), bad);
    // What opens a gate, or closes it, is another verdict.
    let found = findings(ReportKind::ImageScan, &[("CVE-1", Critical)]);
    let all = [vec![], vec![found], vec![scan()]].map(|evidence| {
        let evaluation = evaluate(&critical(), &gate_input(evidence), vec![]);
        (evaluation.open(), evaluation.basis)
    });
    assert_eq!(all.clone().map(|(open, _)| open), [false, false, true]);
    assert_ne!(all[2].1, all[0].1);
    assert_ne!(all[2].1, all[1].1);
}

#[test]
fn a_gate_that_is_waived_is_another_basis_than_one_that_is_passed() {
    let rules = only(|r| r.sbom = true);
    let mut input = gate_input(vec![evidence(ReportKind::Sbom)]);
    let passed = evaluate(&rules, &input, vec![]).basis;
    input.images.get_mut(&name("api")).unwrap().evidence = vec![];
    input.waivers = vec![waiver(1, "bill-of-materials", None)];
    let evaluation = evaluate(&rules, &input, vec![]);
    assert_eq!(evaluation.gates[0].verdict, Waived);
    assert_ne!(evaluation.basis, passed);
}

#[test]
fn a_waiver_that_opens_a_gate_is_another_basis_and_its_end_is_too() {
    let mut input = gate_input(vec![findings(ReportKind::ImageScan, &[("CVE-1", Critical)])]);
    let closed = evaluate(&critical(), &input, vec![]).basis;
    for finding in [None, Some("CVE-1")] {
        input.waivers = vec![waiver(1, CRITICAL, finding)];
        input.at = at();
        assert_ne!(evaluate(&critical(), &input, vec![]).basis, closed);
        input.at = input.waivers[0].expires_at;
        assert_eq!(evaluate(&critical(), &input, vec![]).basis, closed);
    }
}
