//! Policies: what comes along, limits, versions, and which of two is stricter.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use cqrs_es::test::TestFramework;
use opstella_domain::policy::{
    ApprovalRule, ApproverRole, CustomGate, Freeze, FreezeWindow, Policy, PolicyCommand, PolicyEvent,
    PolicyKey, PolicyRules, WeekTime,
};
use opstella_domain::{Decide, DomainError, Environment};
use proptest::prelude::*;
use support::promotion::roles;

use ApproverRole::{Approver, Owner, Security, Tester};

fn key(text: &str) -> PolicyKey {
    text.parse().unwrap()
}

fn set(key_text: &str, rules: PolicyRules, base: Option<PolicyRules>) -> PolicyCommand {
    PolicyCommand::Set {
        key: key(key_text),
        rules: Box::new(rules),
        base: base.map(Box::new),
    }
}

fn was_set(key_text: &str, version: u32, rules: PolicyRules) -> PolicyEvent {
    PolicyEvent::PolicySet {
        key: key(key_text),
        version,
        rules: Box::new(rules),
    }
}

fn when(given: Vec<PolicyEvent>, command: PolicyCommand) -> Result<Vec<PolicyEvent>, DomainError> {
    TestFramework::<Policy>::with(())
        .given(given)
        .when(command)
        .inspect_result()
}

fn invalid(command: PolicyCommand) -> (String, String) {
    match when(vec![], command) {
        Err(DomainError::Invalid { field, rule }) => (field, rule),
        other => panic!("{other:?}"),
    }
}

fn rule(of: &[ApproverRole], people: u8) -> ApprovalRule {
    ApprovalRule {
        roles: roles(of),
        people,
    }
}

fn quality() -> PolicyRules {
    PolicyRules {
        quality_gate: true,
        ..PolicyRules::default()
    }
}

fn weekend() -> FreezeWindow {
    FreezeWindow {
        name: "weekend".into(),
        timezone: "Europe/Berlin".parse().unwrap(),
        when: Freeze::Weekly {
            from: week_time(5, "18:00:00"),
            to: week_time(1, "06:00:00"),
        },
    }
}

fn week_time(day: u8, time: &str) -> WeekTime {
    WeekTime {
        day,
        time: time.parse().unwrap(),
    }
}

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

fn approval_rules() -> impl Strategy<Value = Vec<ApprovalRule>> {
    let roles = prop::collection::btree_set(
        prop::sample::select(vec![Tester, Approver, Owner, Security]),
        1..4,
    );
    let rule = (roles, 1u8..4).prop_map(|(roles, people)| ApprovalRule { roles, people });
    prop::collection::vec(rule, 0..4)
}

fn policies() -> impl Strategy<Value = PolicyRules> {
    let freeze = |name: &str| FreezeWindow {
        name: name.into(),
        ..weekend()
    };
    let freezes = prop::collection::vec(
        prop::sample::select(vec![freeze("a"), freeze("b"), freeze("c")]),
        0..3,
    );
    let gate = |name: &str, rego: &str| CustomGate {
        name: name.into(),
        rego: rego.into(),
    };
    let gates = vec![gate("a", "x"), gate("a", "y"), gate("b", "x")];
    let custom = prop::collection::vec(prop::sample::select(gates), 0..3);
    let flags = prop::array::uniform7(any::<bool>());
    let counts = (
        prop::option::of(0u32..3),
        prop::option::of(0u32..3),
        0u32..3,
        0u8..3,
    );
    let scan = prop::option::of(prop::sample::select(Environment::all().collect::<Vec<_>>()));
    (flags, counts, scan, approval_rules(), freezes, custom).prop_map(
        |(
            flags,
            (max_critical, max_high, soak_minutes, rollback_approvals),
            dynamic_scan,
            approvals,
            freezes,
            custom,
        )| {
            let [
                quality_gate,
                tests,
                sbom,
                healthy_before,
                no_open_critical,
                independent_approvers,
                change_reference,
            ] = flags;
            PolicyRules {
                quality_gate,
                tests,
                sbom,
                max_critical,
                max_high,
                healthy_before,
                dynamic_scan,
                no_open_critical,
                soak_minutes,
                approvals,
                independent_approvers,
                change_reference,
                rollback_approvals,
                freezes,
                custom,
            }
        },
    )
}

/// Lists as sets, and of approval rules only those that ask for something more than another.
fn normal(mut rules: PolicyRules) -> PolicyRules {
    let covers = |strict: &ApprovalRule, rule: &ApprovalRule| {
        strict.people >= rule.people && strict.roles.is_subset(&rule.roles)
    };
    rules.approvals.sort();
    rules.approvals.dedup();
    let all = rules.approvals.clone();
    rules
        .approvals
        .retain(|rule| !all.iter().any(|other| other != rule && covers(other, rule)));
    rules.freezes.sort_by(|a, b| a.name.cmp(&b.name));
    rules.freezes.dedup();
    rules
        .custom
        .sort_by(|a, b| (&a.name, &a.rego).cmp(&(&b.name, &b.rego)));
    rules.custom.dedup();
    rules
}

/// Whether people who satisfy `these` always satisfy `those`: tried with all small groups of people.
fn asks_for_as_much(these: &[ApprovalRule], those: &[ApprovalRule]) -> bool {
    let satisfied = |rules: &[ApprovalRule], people: &[usize; 16]| {
        rules.iter().all(|rule| {
            let fits = |mask: &usize| {
                let all = [Tester, Approver, Owner, Security];
                all.iter()
                    .enumerate()
                    .any(|(i, role)| mask >> i & 1 == 1 && rule.roles.contains(role))
            };
            let there: usize = (0..16).filter(fits).map(|mask| people[mask]).sum();
            there >= usize::from(rule.people)
        })
    };
    // A group is told by how many hold exactly one role each; holders of more are no worse for either side.
    let mut people = [0; 16];
    for group in 0..256usize {
        for (place, mask) in [1, 2, 4, 8].into_iter().enumerate() {
            people[mask] = group >> (2 * place) & 3;
        }
        if satisfied(these, &people) && !satisfied(those, &people) {
            return false;
        }
    }
    true
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn strictest_is_a_least_upper_bound(a in policies(), b in policies(), c in policies()) {
        prop_assert_eq!(normal(a.strictest(&a)), normal(a.clone()));
        prop_assert_eq!(normal(a.strictest(&b)), normal(b.strictest(&a)));
        prop_assert_eq!(
            normal(a.strictest(&b).strictest(&c)),
            normal(a.strictest(&b.strictest(&c)))
        );
        let none: Vec<&str> = vec![];
        let both = a.strictest(&b);
        prop_assert_eq!(both.looser_than(&a), none.clone());
        prop_assert_eq!(both.looser_than(&b), none.clone());
        prop_assert!(asks_for_as_much(&both.approvals, &a.approvals));
        prop_assert!(asks_for_as_much(&both.approvals, &b.approvals));
        // Going back is as strict as the stricter of both, too.
        let set = |rules: &PolicyRules| {
            let mut policy = Policy::default();
            policy.evolve(was_set("PRD", 1, rules.clone()));
            policy
        };
        let back = Policy::effective_for_rollback(Environment::Prd, &set(&a), &set(&b));
        prop_assert_eq!(back.looser_than(&a.for_rollback()), none.clone());
        prop_assert_eq!(back.looser_than(&b.for_rollback()), none);
    }

    #[test]
    fn looser_means_that_the_stricter_of_both_is_another(a in policies(), b in policies()) {
        let same = normal(a.strictest(&b)) == normal(a.clone());
        prop_assert_eq!(a.looser_than(&b).is_empty(), same, "{:?}", a.looser_than(&b));
        if same {
            prop_assert!(asks_for_as_much(&a.approvals, &b.approvals));
        }
    }
}
