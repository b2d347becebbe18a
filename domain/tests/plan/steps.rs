//! What is in a plan, and in which order.

use std::collections::{BTreeMap, BTreeSet};

use opstella_domain::operation::{Operation, VariableValue};
use opstella_domain::plan::{
    PlanError, PlannedStep, plan_add_component, plan_add_environment, plan_decommission, plan_provision,
    project_of_application,
};
use opstella_domain::{Environment, EnvironmentSet, Tool};

use crate::given::{ancestors, assert_ordered, kind, promotion, provision};
use crate::support::{component, id, key, targets};

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
fn the_longest_names_make_a_plan() {
    let long = "x".repeat(40);
    let key = format!("{long}/{long}").parse().unwrap();
    plan_provision(&key, &[component(&long)], &EnvironmentSet::all(), &targets()).unwrap();
}
