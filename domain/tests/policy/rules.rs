//! The rules that come along, and limits.

use opstella_domain::policy::{ApproverRole, CustomGate, Freeze, Policy, PolicyRules};
use opstella_domain::{Decide, Environment};

use crate::given::{invalid, rule, set, was_set, week_time, weekend};

use ApproverRole::{Approver, Owner, Security, Tester};

#[test]
fn the_rules_that_come_along_are_those_of_the_issue() {
    let sit = PolicyRules {
        quality_gate: true,
        max_critical: Some(0),
        ..PolicyRules::default()
    };
    let uat = PolicyRules {
        healthy_before: true,
        approvals: vec![rule(&[Tester], 1)],
        ..sit.clone()
    };
    let pre = PolicyRules {
        dynamic_scan: Some(Environment::Uat),
        no_open_critical: true,
        approvals: vec![rule(&[Tester], 1), rule(&[Security], 1)],
        ..uat.clone()
    };
    let prd = PolicyRules {
        soak_minutes: 24 * 60,
        approvals: vec![
            rule(&[Tester], 1),
            rule(&[Security], 1),
            rule(&[Approver, Owner, Security], 2),
        ],
        independent_approvers: true,
        change_reference: true,
        rollback_approvals: 1,
        ..pre.clone()
    };
    let expected = [PolicyRules::default(), sit, uat, pre, prd];
    for (environment, rules) in Environment::all().zip(expected) {
        assert_eq!(PolicyRules::default_for(environment), rules, "{environment}");
        assert_eq!(rules.check(), Ok(()), "{environment}");
        let nobody = Policy::default();
        assert_eq!(Policy::effective(environment, &nobody, &nobody), rules);
    }
}

#[test]
fn limits_name_the_field() {
    let field = |change: &dyn Fn(&mut PolicyRules)| {
        let mut rules = PolicyRules {
            approvals: vec![rule(&[Owner], 1)],
            freezes: vec![weekend()],
            ..PolicyRules::default()
        };
        assert_eq!(rules.check(), Ok(()));
        change(&mut rules);
        invalid(set("PRD", rules, None)).0
    };
    let gate = |name: &str, rego: &str| CustomGate {
        name: name.into(),
        rego: rego.into(),
    };
    assert_eq!(field(&|r| r.soak_minutes = 86_401), "soak_minutes");
    assert_eq!(field(&|r| r.rollback_approvals = 6), "rollback_approvals");
    assert_eq!(field(&|r| r.approvals = vec![rule(&[Owner], 1); 9]), "rules");
    assert_eq!(field(&|r| r.freezes = vec![weekend(); 101]), "rules");
    assert_eq!(field(&|r| r.custom = vec![gate("a", "x"); 21]), "rules");
    assert_eq!(field(&|r| r.approvals.push(rule(&[], 1))), "approvals[1]");
    assert_eq!(field(&|r| r.approvals[0].people = 0), "approvals[0]");
    assert_eq!(field(&|r| r.approvals[0].people = 6), "approvals[0]");
    for name in ["", "A", "a b", &"a".repeat(41)] {
        assert_eq!(field(&|r| r.custom = vec![gate(name, "x")]), "custom[0].name");
    }
    assert_eq!(
        field(&|r| r.custom = vec![gate("a", "x"), gate("a", "y")]),
        "custom[1].name"
    );
    for rego in ["", &"x".repeat(65_537)] {
        assert_eq!(field(&|r| r.custom = vec![gate("a", rego)]), "custom[0].rego");
    }
    for name in ["", " ", &"x".repeat(81)] {
        assert_eq!(field(&|r| r.freezes[0].name = name.into()), "freezes[0].name");
    }
    let weekly = |from, to| Freeze::Weekly { from, to };
    let once = |from: &str, to: &str| Freeze::Once {
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
    };
    let noon = |day| week_time(day, "12:00:00");
    for when in [
        weekly(noon(0), noon(1)),
        weekly(noon(1), noon(8)),
        once("1999-12-31T00:00:00", "2026-01-01T00:00:00"),
        once("2026-01-01T00:00:00", "+262142-12-31T23:59:59"),
    ] {
        assert_eq!(field(&|r| r.freezes[0].when = when.clone()), "freezes[0].when");
    }
    for when in [
        weekly(noon(1), noon(1)),
        once("2026-01-01T00:00:00", "2026-01-01T00:00:00"),
    ] {
        assert_eq!(field(&|r| r.freezes[0].when = when.clone()), "freezes[0].when.to");
    }
}

#[test]
fn a_rollback_needs_people_in_the_roles_of_whom_most_are_asked_and_nothing_else() {
    let rules = PolicyRules {
        approvals: vec![rule(&[Security], 2), rule(&[Tester], 1), rule(&[Owner], 2)],
        rollback_approvals: 1,
        freezes: vec![weekend()],
        ..PolicyRules::default_for(Environment::Prd)
    };
    let expected = PolicyRules {
        approvals: vec![rule(&[Security], 1), rule(&[Owner], 1)],
        ..PolicyRules::default()
    };
    assert_eq!(rules.for_rollback(), expected);
    // A project cannot move it to others by asking for more of them.
    let policy = |rules| {
        let mut policy = Policy::default();
        policy.evolve(was_set("PRD", 1, rules));
        policy
    };
    let project = PolicyRules {
        approvals: vec![rule(&[Tester], 5)],
        rollback_approvals: 2,
        ..PolicyRules::default()
    };
    let both = Policy::effective_for_rollback(Environment::Prd, &policy(rules.clone()), &policy(project));
    let mut asked = both.approvals;
    asked.sort();
    assert_eq!(
        asked,
        [rule(&[Tester], 2), rule(&[Owner], 1), rule(&[Security], 1)]
    );
    let prd = Policy::effective_for_rollback(Environment::Prd, &Policy::default(), &Policy::default());
    assert_eq!(prd.approvals, [rule(&[Approver, Owner, Security], 1)]);
    let free = PolicyRules {
        rollback_approvals: 0,
        ..rules
    };
    assert_eq!(free.for_rollback(), PolicyRules::default());
    // Rules that say how many, but not who, would ask nobody.
    let nobody = PolicyRules {
        rollback_approvals: 1,
        ..PolicyRules::default()
    };
    assert_eq!(invalid(set("DEV", nobody, None)).0, "rollback_approvals");
}
