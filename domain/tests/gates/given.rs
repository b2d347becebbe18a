//! One gate at a time, and what it says.

use opstella_domain::Environment;
use opstella_domain::evidence::{Evidence, ReportKind, Severity};
use opstella_domain::policy::{
    Evaluation, Freeze, FreezeWindow, GateInput, GateResult, GateVerdict, PolicyRules, evaluate,
};

use crate::support::at;
use crate::support::promotion::{digest, findings, later};

use GateVerdict::Waiting as Waited;

pub const CRITICAL: &str = "no-critical-vulnerability";

pub const OPEN_CRITICAL: &str = "no-open-critical-finding";

/// Rules with one gate.
pub fn only(change: impl FnOnce(&mut PolicyRules)) -> PolicyRules {
    let mut rules = PolicyRules::default();
    change(&mut rules);
    rules
}

/// The only gate of the rules. Whatever it says, it says why; and what to do where it is closed.
#[track_caller]
pub fn one(rules: &PolicyRules, input: &GateInput) -> GateResult {
    let evaluation = evaluate(rules, input, vec![]);
    assert_eq!(evaluation.gates.len(), 1, "{:?}", evaluation.gates);
    check(&evaluation);
    evaluation.gates[0].clone()
}

pub fn check(evaluation: &Evaluation) {
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
pub fn says(gate: &GateResult, verdict: GateVerdict, reason: &str) {
    assert_eq!(gate.verdict, verdict, "{gate:?}");
    assert_eq!(gate.reason, reason);
}

pub fn critical() -> PolicyRules {
    only(|r| r.max_critical = Some(0))
}

pub fn scan_of(environment: Environment, severity: Option<Severity>) -> Evidence {
    let found: Vec<_> = severity.map(|severity| ("alert", severity)).into_iter().collect();
    Evidence {
        environment: Some(environment),
        report: digest(&format!("zap {environment}")),
        ..findings(ReportKind::DynamicScan, &found)
    }
}

pub fn freeze(name: &str, minutes: i64) -> FreezeWindow {
    FreezeWindow {
        name: name.into(),
        timezone: "UTC".parse().unwrap(),
        when: Freeze::Once {
            from: later(-10).naive_utc(),
            to: later(minutes).naive_utc(),
        },
    }
}
