//! The graph that a plan is.

use std::collections::BTreeSet;

use opstella_domain::plan::{Plan, PlanError, PlannedStep};
use proptest::prelude::*;

use crate::given::{assert_ordered, edges, provision};
use crate::support::{id, plan, step};

#[test]
fn a_plan_survives_json() {
    let plan = provision();
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
}

#[test]
fn wrong_graphs_are_named() {
    assert_eq!(Plan::new(vec![]), Err(PlanError::Size(0)));
    let many = (0..2001).map(|i| step(&format!("s{i}"), &[])).collect();
    assert_eq!(Plan::new(many), Err(PlanError::Size(2001)));
    let twice = vec![step("a", &[]), step("a", &[])];
    assert_eq!(Plan::new(twice), Err(PlanError::Duplicate(id("a"))));
    let missing = PlanError::Missing {
        step: id("a"),
        missing: id("b"),
    };
    assert_eq!(Plan::new(vec![step("a", &["b"])]), Err(missing));
    assert_eq!(
        Plan::new(vec![step("a", &["a"])]),
        Err(PlanError::Cycle(vec![id("a")]))
    );
}

#[test]
fn a_circle_is_named_without_those_who_wait_for_it() {
    let steps = vec![
        step("first", &[]),
        step("a", &["first", "b"]),
        step("b", &["a"]),
        step("after", &["b"]),
        step("last", &["after"]),
    ];
    let error = Plan::new(steps).unwrap_err();
    assert_eq!(error, PlanError::Cycle(vec![id("a"), id("b")]));
    assert_eq!(error.to_string(), "steps wait for each other: a, b");
}

#[test]
fn the_given_order_stays_among_free_steps() {
    let plan = plan(&[("z", &["m"]), ("m", &[]), ("a", &[])]);
    let names: Vec<_> = plan.steps().iter().map(|s| s.id.as_str()).collect();
    assert_eq!(names, ["m", "a", "z"]);
}

#[test]
fn step_ids_parse_once() {
    for good in ["a", "gitlab.project/api", &"a".repeat(120)] {
        assert!(good.parse::<opstella_domain::plan::StepId>().is_ok(), "{good}");
    }
    for bad in ["", "A", "a b", &"a".repeat(121), "a\u{e9}"] {
        assert!(bad.parse::<opstella_domain::plan::StepId>().is_err(), "{bad}");
    }
}

/// Steps in random order, each depending on some that have a lower number.
fn dags() -> impl Strategy<Value = Vec<PlannedStep>> {
    let masks = prop::collection::vec(any::<u32>(), 1..16);
    masks.prop_flat_map(|masks| {
        let steps: Vec<_> = masks
            .iter()
            .enumerate()
            .map(|(i, mask)| {
                let after: Vec<_> = (0..i)
                    .filter(|d| mask >> d & 1 == 1)
                    .map(|d| format!("s{d}"))
                    .collect();
                step(
                    &format!("s{i}"),
                    &after.iter().map(String::as_str).collect::<Vec<_>>(),
                )
            })
            .collect();
        Just(steps).prop_shuffle()
    })
}

proptest! {
    #[test]
    fn any_dag_is_ordered(steps in dags()) {
        let plan = Plan::new(steps.clone()).unwrap();
        assert_ordered(&plan);
        prop_assert_eq!(plan.steps().len(), steps.len());
        // Ordering what is ordered changes nothing.
        prop_assert_eq!(Plan::new(plan.steps().to_vec()).unwrap(), plan);
    }

    #[test]
    fn turning_round_twice_is_no_change(steps in dags()) {
        let plan = Plan::new(steps).unwrap();
        let reversed = plan.clone().reversed().unwrap();
        assert_ordered(&reversed);
        let turned: BTreeSet<_> = edges(&plan).into_iter().map(|(a, b)| (b, a)).collect();
        prop_assert_eq!(edges(&reversed), turned);
        prop_assert_eq!(plan.critical_path(|_| 1), reversed.critical_path(|_| 1));
        prop_assert_eq!(edges(&reversed.reversed().unwrap()), edges(&plan));
    }

    #[test]
    fn a_circle_is_never_a_plan(steps in dags(), at in any::<prop::sample::Index>()) {
        // Close a circle through one step: a new step depends on it, and it on the new one.
        let mut steps = steps;
        let at = at.index(steps.len());
        let name = steps[at].id.clone();
        steps[at].depends_on.push(id("closing"));
        steps.push(step("closing", &[name.as_str()]));
        match Plan::new(steps) {
            Err(PlanError::Cycle(on)) => {
                prop_assert!(on.contains(&name) && on.contains(&id("closing")));
            }
            other => prop_assert!(false, "{other:?}"),
        }
    }
}
