//! Each change is a version; a project overrides towards stricter only.

use opstella_domain::policy::{CustomGate, Policy, PolicyRules, evaluate};
use opstella_domain::{Decide, Environment};

use crate::given::{invalid, set, was_set, weekend, when};
use crate::support::promotion::gate_input;

fn quality() -> PolicyRules {
    PolicyRules {
        quality_gate: true,
        ..PolicyRules::default()
    }
}

#[test]
fn each_change_is_a_version_and_the_same_again_is_none() {
    let first = was_set("PRD", 1, quality());
    assert_eq!(when(vec![], set("PRD", quality(), None)), Ok(vec![first.clone()]));
    assert_eq!(when(vec![first.clone()], set("PRD", quality(), None)), Ok(vec![]));
    let none = PolicyRules::default();
    assert_eq!(
        when(vec![first], set("PRD", none.clone(), None)),
        Ok(vec![was_set("PRD", 2, none)])
    );
}

#[test]
fn a_project_overrides_towards_stricter_only() {
    let base = PolicyRules::default_for(Environment::Prd);
    let (field, rule) = invalid(set("payments/PRD", quality(), Some(base.clone())));
    assert_eq!(field, "rules");
    assert_eq!(
        rule,
        "a project's policy is at least as strict as the platform's; looser are: max_critical, healthy_before, \
         dynamic_scan, no_open_critical, soak_minutes, approvals, independent_approvers, change_reference, \
         rollback_approvals"
    );
    let stricter = PolicyRules {
        soak_minutes: 7 * 24 * 60,
        ..base.clone()
    };
    let event = was_set("payments/PRD", 1, stricter.clone());
    assert_eq!(
        when(vec![], set("payments/PRD", stricter, Some(base))),
        Ok(vec![event])
    );
}

#[test]
fn without_the_platforms_rules_those_that_come_along_are_the_base() {
    let (field, _) = invalid(set("payments/PRD", PolicyRules::default(), None));
    assert_eq!(field, "rules");
    // The platform's own may be anything.
    assert!(when(vec![], set("PRD", PolicyRules::default(), None)).is_ok());
}

#[test]
fn a_platform_that_becomes_stricter_is_followed() {
    let policy = |rules| {
        let mut policy = Policy::default();
        policy.evolve(was_set("PRD", 1, rules));
        policy
    };
    let project = PolicyRules {
        soak_minutes: 60,
        ..PolicyRules::default()
    };
    let platform = PolicyRules {
        soak_minutes: 90,
        ..quality()
    };
    let both = Policy::effective(Environment::Prd, &policy(platform.clone()), &policy(project));
    assert_eq!(both, platform);
}

#[test]
fn what_adds_up_a_project_need_not_copy_and_cannot_replace() {
    let gate = |name: &str| CustomGate {
        name: name.into(),
        rego: "package opstella.gate".into(),
    };
    let scanned = |environment, gates: &[&str]| PolicyRules {
        dynamic_scan: Some(environment),
        custom: gates.iter().map(|name| gate(name)).collect(),
        ..quality()
    };
    let platform = PolicyRules {
        freezes: vec![weekend()],
        ..scanned(Environment::Uat, &["a"])
    };
    let project = scanned(Environment::Pre, &["b"]);
    let base = || Some(platform.clone());
    assert!(when(vec![], set("payments/PRD", project.clone(), base())).is_ok());
    let (_, rule) = invalid(set("payments/PRD", quality(), base()));
    assert!(rule.ends_with("looser are: dynamic_scan"), "{rule}");
    let policy = |rules| {
        let mut policy = Policy::default();
        policy.evolve(was_set("PRD", 1, rules));
        policy
    };
    let both = Policy::effective(
        Environment::Prd,
        &policy(platform.clone()),
        &policy(project.clone()),
    );
    assert_eq!(both.freezes, [weekend()]);
    assert_eq!(both.custom, [gate("a"), gate("b")]);
    // Each scan is a gate of its own.
    let scans: Vec<_> = evaluate(&both, &gate_input(vec![]), vec![])
        .gates
        .into_iter()
        .filter(|gate| gate.gate.as_str() == "dynamic-scan")
        .map(|gate| gate.reason)
        .collect();
    let missing = |of| format!("there is no dynamic scan of {of} with these images");
    assert_eq!(scans, [missing("PRE"), missing("UAT")]);
    let shown = serde_json::to_value(&both).unwrap();
    assert_eq!(shown["also_scanned"], serde_json::json!(["UAT"]));
    // What the platform takes back, it takes back for the project.
    let left = Policy::effective(Environment::Prd, &policy(quality()), &policy(project.clone()));
    assert_eq!(left, project);
}
