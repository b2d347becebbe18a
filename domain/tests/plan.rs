//! The plans of the four sagas, and the graph that they are.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use opstella_domain::operation::{Operation, VariableValue};
use opstella_domain::plan::{
    Plan, PlanError, PlannedStep, plan_add_component, plan_add_environment, plan_decommission,
    plan_provision, project_of_application,
};
use opstella_domain::{Environment, EnvironmentSet, Tool};
use proptest::prelude::*;
use support::{component, id, key, plan, step, targets};

fn provision() -> Plan {
    let components = [component("api"), component("web")];
    plan_provision(&key(), &components, &EnvironmentSet::all(), &targets()).unwrap()
}

fn kind(step: &PlannedStep) -> String {
    let json = serde_json::to_value(&step.operation).unwrap();
    json["type"].as_str().unwrap().to_owned()
}

/// Everything that a step waits for, directly or not.
fn ancestors(plan: &Plan) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut all: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for step in plan.steps() {
        let mut mine = BTreeSet::new();
        for dependency in &step.depends_on {
            mine.insert(dependency.as_str());
            mine.extend(all[dependency.as_str()].iter().copied());
        }
        all.insert(step.id.as_str(), mine);
    }
    all
}

fn assert_ordered(plan: &Plan) {
    let mut seen = BTreeSet::new();
    for step in plan.steps() {
        assert!(
            step.depends_on.iter().all(|d| seen.contains(d)),
            "{} comes too early",
            step.id
        );
        assert!(seen.insert(step.id.clone()), "{} is there twice", step.id);
    }
}

#[test]
fn an_application_knows_how_its_project_is_made() {
    let plan = provision();
    let of = |kind: &str| {
        let steps = plan
            .steps()
            .iter()
            .filter(|step| step.id.as_str().starts_with(kind));
        steps.map(|step| step.operation.clone()).collect::<Vec<_>>()
    };
    let (projects, applications) = (of("argocd.project"), of("argocd.application/"));
    assert_eq!((projects.len(), applications.len()), (1, 10));
    for application in &applications {
        assert_eq!(project_of_application(application).as_ref(), Some(&projects[0]));
    }
    assert_eq!(project_of_application(&projects[0]), None);
}

#[test]
fn every_kind_of_operation_is_in_a_plan() {
    // The schema of `Operation` names every kind: one that is added later has to be planned, or fail here.
    let schema = schemars::schema_for!(Operation);
    let declared: BTreeSet<String> = schema.as_value()["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|variant| {
            variant["properties"]["type"]["const"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let (provision, promotion) = (provision(), promotion());
    let steps = provision.steps().iter().chain(promotion.steps());
    let planned: BTreeSet<String> = steps.map(kind).collect();
    assert_eq!(planned, declared);
}

fn promotion() -> Plan {
    use opstella_domain::plan::{CarriedImage, plan_promote};
    use opstella_domain::release::Digest;
    let carried = |name: &str| CarriedImage {
        component: name.parse().unwrap(),
        digest: Digest::of(name.as_bytes()),
        previous: None,
        was_ill: false,
    };
    let version = "1.4.0".parse().unwrap();
    let images = [carried("api"), carried("web")];
    plan_promote(&key(), Environment::Sit, &version, &images, &targets()).unwrap()
}

#[test]
fn a_plan_is_ordered_and_names_its_steps_once() {
    let plan = provision();
    assert_ordered(&plan);
    assert_eq!(plan.steps().len(), 5 + 5 * 11 + 2 * (9 + 5 * 2));
}

#[test]
fn a_step_is_named_after_its_tool() {
    for step in provision().steps() {
        assert!(
            step.id.as_str().starts_with(&format!("{}.", step.tool())),
            "{}",
            step.id
        );
    }
}

#[test]
fn what_a_step_needs_comes_before_it() {
    let plan = provision();
    let before = ancestors(&plan);
    let needs = |step: &str, needed: &[&str]| {
        for other in needed {
            assert!(before[step].contains(other), "{step} must wait for {other}");
        }
    };
    for name in ["api", "web"] {
        let of = |what: &str| format!("{what}/{name}");
        needs(&of("gitlab.project"), &["gitlab.group"]);
        needs(
            &of("gitlab.files"),
            &[
                &of("gitlab.project"),
                &of("gitlab.variables"),
                &of("gitlab.webhook"),
                &of("gitlab.protected-branch"),
            ],
        );
        needs(&of("gitlab.protected-branch"), &[&of("gitlab.project")]);
        needs(&of("gitlab.webhook"), &[&of("gitlab.project")]);
        needs(
            &of("gitlab.variables"),
            &[&of("gitlab.project"), "harbor.robot", &of("sonarqube.token")],
        );
        for what in ["sonarqube.quality-gate", "sonarqube.token", "sonarqube.webhook"] {
            needs(&of(what), &[&of("sonarqube.project")]);
        }
    }
    needs("harbor.robot", &["harbor.project"]);
    needs("harbor.retention", &["harbor.project"]);
    for environment in Environment::all() {
        let env = environment.slug();
        let of = |what: &str| format!("{what}/{env}");
        let inside = [
            "quota",
            "limits",
            "network-policy",
            "service-account",
            "role-binding",
            "pull-secret",
        ];
        for what in inside {
            needs(&of(&format!("kubernetes.{what}")), &[&of("kubernetes.namespace")]);
        }
        needs(&of("kubernetes.pull-secret"), &["harbor.robot"]);
        needs(&of("vault.kubernetes-role"), &[&of("vault.policy")]);
        needs(&of("vault.app-role"), &[&of("vault.policy")]);
        for name in ["api", "web"] {
            needs(
                &format!("gitlab.environment/{name}/{env}"),
                &[&format!("gitlab.project/{name}")],
            );
            let application = format!("argocd.application/{name}/{env}");
            needs(&application, &["argocd.project", &format!("gitlab.files/{name}")]);
            // Pods start with the application: limits, closed network, account and pull secret come first.
            let ground = [
                "namespace",
                "quota",
                "limits",
                "network-policy",
                "service-account",
                "pull-secret",
            ];
            for what in ground {
                needs(&application, &[&of(&format!("kubernetes.{what}"))]);
            }
        }
    }
}

#[test]
fn steps_run_side_by_side_where_they_can() {
    assert_eq!(provision().critical_path(|_| 1), 5);
    let slow = |step: &PlannedStep| if step.id == id("harbor.robot") { 10 } else { 1 };
    assert_eq!(provision().critical_path(slow), 14);
}

#[test]
fn a_secret_variable_is_one_that_an_earlier_step_keeps() {
    let plan = provision();
    let before = ancestors(&plan);
    let kept: BTreeMap<String, &str> = plan
        .steps()
        .iter()
        .filter_map(|step| match &step.operation {
            Operation::HarborRobot { secret, .. } | Operation::SonarToken { secret, .. } => {
                Some((secret.to_string(), step.id.as_str()))
            }
            _ => None,
        })
        .collect();
    for step in plan.steps() {
        let read: Vec<String> = match &step.operation {
            Operation::KubernetesPullSecret { credential, .. } => vec![credential.to_string()],
            Operation::GitlabVariables { variables, .. } => variables
                .iter()
                .filter_map(|v| match &v.value {
                    VariableValue::Secret { path, .. } => Some(path.to_string()),
                    VariableValue::Plain(_) => None,
                })
                .collect(),
            _ => continue,
        };
        assert!(!read.is_empty(), "{}", step.id);
        for path in read {
            let keeper = kept
                .get(&path)
                .unwrap_or_else(|| panic!("{}: nobody keeps {path}", step.id));
            assert!(
                before[step.id.as_str()].contains(keeper),
                "{} reads {path} too early",
                step.id
            );
        }
    }
}

#[test]
fn a_missing_tool_is_named() {
    let (components, environments) = ([component("api")], EnvironmentSet::all());
    for missing in Tool::all() {
        let mut targets = targets();
        targets.tools.remove(&missing);
        let error = plan_provision(&key(), &components, &environments, &targets).unwrap_err();
        let PlanError::NotConnected { tool, connection } = &error else {
            panic!("{error}")
        };
        assert_eq!((*tool, connection.as_str()), (missing, "main"));
        let hint = format!("{missing} is not connected; connect it with PUT /api/v1/tools/{missing}/main");
        assert_eq!(error.to_string(), hint);
        assert!(plan_decommission(&key(), &components, &environments, &targets).is_err());
        // A component touches no namespace; Vault has no step of its own then, but keeps the component's tokens.
        let added = plan_add_component(&key(), &components[0], &environments, &targets);
        assert_eq!(added.is_err(), missing != Tool::Kubernetes, "{missing}");
        let added = plan_add_environment(&key(), &components, Environment::Uat, &targets);
        assert!(added.is_err(), "{missing}");
    }
}

#[test]
fn a_component_that_is_added_brings_its_own_steps_only() {
    let environments = EnvironmentSet::try_from(vec![Environment::Dev, Environment::Prd]).unwrap();
    let added = plan_add_component(&key(), &component("web"), &environments, &targets()).unwrap();
    assert_ordered(&added);
    assert!(added.steps().iter().all(|s| s.id.as_str().contains("/web")));
    assert_eq!(added.steps().len(), 9 + 2 * 2);
    let whole = provision();
    for step in added.steps() {
        let there = whole.steps().iter().find(|s| s.id == step.id).unwrap();
        // The files differ in their list of environments.
        assert_eq!(kind(there), kind(step));
        assert!(step.depends_on.iter().all(|d| there.depends_on.contains(d)));
    }
}

#[test]
fn an_environment_that_is_added_brings_an_overlay_per_component() {
    let components = [component("api"), component("web")];
    let added = plan_add_environment(&key(), &components, Environment::Uat, &targets()).unwrap();
    assert_ordered(&added);
    assert!(added.steps().iter().all(|s| s.id.as_str().ends_with("/uat")));
    assert_eq!(added.steps().len(), 11 + 2 * 3);
    let before = ancestors(&added);
    for name in ["api", "web"] {
        let overlay = format!("gitlab.overlay/{name}/uat");
        let application = format!("argocd.application/{name}/uat");
        assert!(before[&*application].contains(&*overlay));
        let step = added.steps().iter().find(|s| s.id == id(&overlay)).unwrap();
        let Operation::GitlabFiles { only, values, .. } = &step.operation else {
            panic!("{step:?}")
        };
        assert_eq!(*only, Some(Environment::Uat));
        assert_eq!(values.environments, EnvironmentSet::only(Environment::Uat));
    }
}

#[test]
fn a_removal_is_the_same_steps_the_other_way_round() {
    let components = [component("api"), component("web")];
    let removal = plan_decommission(&key(), &components, &EnvironmentSet::all(), &targets()).unwrap();
    assert_ordered(&removal);
    let made = provision();
    assert_eq!(made.clone().reversed().unwrap(), removal);
    assert_eq!(
        edges(&removal),
        edges(&made).into_iter().map(|(a, b)| (b, a)).collect()
    );
    let before = ancestors(&removal);
    assert!(before["kubernetes.namespace/prd"].contains("argocd.application/web/prd"));
    assert!(before["gitlab.group"].contains("gitlab.project/api"));
    assert!(before["harbor.project"].contains("harbor.robot"));
}

fn edges(plan: &Plan) -> BTreeSet<(String, String)> {
    let of = |s: &PlannedStep| -> Vec<_> {
        s.depends_on
            .iter()
            .map(|d| (s.id.to_string(), d.to_string()))
            .collect()
    };
    plan.steps().iter().flat_map(of).collect()
}

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

#[test]
fn the_longest_names_make_a_plan() {
    let long = "x".repeat(40);
    let key = format!("{long}/{long}").parse().unwrap();
    plan_provision(&key, &[component(&long)], &EnvironmentSet::all(), &targets()).unwrap();
}

#[test]
fn the_provision_plan_is_the_golden_one() {
    let mut text = String::new();
    for step in provision().steps() {
        let after: Vec<_> = step.depends_on.iter().map(|d| d.as_str()).collect();
        let line = if after.is_empty() {
            String::new()
        } else {
            format!(" <- {}", after.join(", "))
        };
        writeln!(text, "{}{line}", step.id).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/provision-plan.txt");
    if std::env::var_os("OPSTELLA_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        text, golden,
        "the plan changed; if that is meant, run with OPSTELLA_UPDATE_GOLDEN=1 and review the difference"
    );
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

#[test]
fn a_promotion_checks_all_before_it_changes_any() {
    let plan = promotion();
    let place = |prefix: &str| -> Vec<usize> {
        let of = |(index, step): (usize, &PlannedStep)| step.id.as_str().starts_with(prefix).then_some(index);
        plan.steps().iter().enumerate().filter_map(of).collect()
    };
    let last = |prefix: &str| place(prefix).into_iter().max().unwrap();
    let first = |prefix: &str| place(prefix).into_iter().min().unwrap();
    assert_eq!(plan.steps().len(), 14);
    for change in ["harbor.tag", "gitlab.image"] {
        assert!(last("harbor.artifact") < first(change) && last("argocd.hold") < first(change));
        assert!(last(change) < first("argocd.sync"));
    }
    assert!(
        last("harbor.tag") < first("gitlab.image"),
        "tagged before it is committed"
    );
    assert_eq!(plan.critical_path(|_| 1), 6);
}
