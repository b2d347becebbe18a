//! All gates together, and what approvals rest on.

use std::collections::BTreeSet;

use opstella_domain::Environment;
use opstella_domain::evidence::{Evidence, ReportKind, Severity, Verdict};
use opstella_domain::policy::{GateInput, GateVerdict, PolicyRules, PolicyVersions, evaluate};

use crate::given::{CRITICAL, OPEN_CRITICAL, check, critical, freeze, only};
use crate::support::at;
use crate::support::promotion::{digest, evidence, findings, gate_input, later, name, waiver};

use GateVerdict::Waived;
use Severity::Critical;

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
