//! Which of two policies is stricter, tried at random.

use opstella_domain::policy::{ApprovalRule, ApproverRole, CustomGate, FreezeWindow, Policy, PolicyRules};
use opstella_domain::{Decide, Environment};
use proptest::prelude::*;

use crate::given::{was_set, weekend};

use ApproverRole::{Approver, Owner, Security, Tester};

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
                also_scanned: [].into(),
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
        // What adds up makes nothing looser.
        let without = |rules: PolicyRules| PolicyRules {
            dynamic_scan: rules.dynamic_scan.map(|_| Environment::Uat),
            also_scanned: [].into(),
            freezes: vec![],
            custom: vec![],
            ..rules
        };
        let same = normal(without(a.strictest(&b))) == normal(without(a.clone()));
        prop_assert_eq!(a.looser_than(&b).is_empty(), same, "{:?}", a.looser_than(&b));
        if same {
            prop_assert!(asks_for_as_much(&a.approvals, &b.approvals));
        }
    }
}
