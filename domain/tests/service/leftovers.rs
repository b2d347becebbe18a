//! What runs left behind, one after the other.

use opstella_domain::service::{Service, ServiceEvent};
use opstella_domain::{Decide, Environment};

use crate::given::{current, decommission_requested, provisioning_failed, requested, requested_of};
use crate::support::component;

fn folded(history: Vec<ServiceEvent>) -> Service {
    let mut service = Service::default();
    history.into_iter().for_each(|event| service.evolve(event));
    service
}

/// What a decommissioning would remove: components and environments, by name.
fn to_remove(service: &Service) -> (Vec<String>, Vec<&'static str>) {
    let (components, environments) = service.to_remove();
    let components = components.iter().map(|c| c.name.to_string()).collect();
    (components, environments.iter().map(Environment::as_str).collect())
}

/// A history by name, the components and the environments that a decommissioning removes, and whether something is left.
type Left<'a> = (&'a str, Vec<ServiceEvent>, &'a [&'a str], &'a [&'a str], bool);

/// What is left behind by one run after another, what a decommissioning then removes, and whether something is left
/// that the service does not have.
#[test]
fn what_runs_left_behind_is_kept_until_it_is_made_or_removed() {
    use Environment::{Dev, Prd};
    let run = current();
    let active = || vec![requested(run), ServiceEvent::ServiceActivated { run }];
    let then = |mut history: Vec<ServiceEvent>, more: Vec<ServiceEvent>| {
        history.extend(more);
        history
    };
    let asked = |name: &str| ServiceEvent::ComponentRequested {
        component: component(name),
        adopt: false,
        run,
    };
    let not_added = |name: &str, left_behind| {
        let failed = ServiceEvent::ComponentAdditionFailed {
            component: name.parse().unwrap(),
            run,
            cause: "no".into(),
            left_behind,
        };
        vec![asked(name), failed]
    };
    let added = |name: &str| {
        let added = ServiceEvent::ComponentAdded {
            component: component(name),
            run,
        };
        vec![asked(name), added]
    };
    let asked_environment = ServiceEvent::EnvironmentRequested {
        environment: Prd,
        adopt: false,
        run,
    };
    let no_environment = |left_behind| {
        let failed = ServiceEvent::EnvironmentAdditionFailed {
            environment: Prd,
            run,
            cause: "no".into(),
            left_behind,
        };
        vec![asked_environment.clone(), failed]
    };
    let environment = || {
        let added = ServiceEvent::EnvironmentAdded {
            environment: Prd,
            run,
        };
        vec![asked_environment.clone(), added]
    };
    let wide = || requested_of(&["api", "web"], &[Dev, Prd], run);
    let wide_left = || vec![wide(), provisioning_failed(run, true)];
    let again = |components: &[&str], environments: &[Environment], last: ServiceEvent| {
        vec![requested_of(components, environments, run), last]
    };
    let activated = || ServiceEvent::ServiceActivated { run };
    let gone = |left_behind| {
        let gone = ServiceEvent::ServiceDecommissioned { run, left_behind };
        vec![decommission_requested(run), gone]
    };
    let rows: Vec<Left<'_>> = vec![
        (
            "clean",
            then(active(), not_added("web", false)),
            &["api"],
            &["DEV"],
            false,
        ),
        (
            "component",
            then(active(), not_added("web", true)),
            &["api", "web"],
            &["DEV"],
            true,
        ),
        (
            "failed again, cleanly: what the first run left was not the second one's",
            then(then(active(), not_added("web", true)), not_added("web", false)),
            &["api", "web"],
            &["DEV"],
            true,
        ),
        (
            "component made after all",
            then(then(active(), not_added("web", true)), added("web")),
            &["api", "web"],
            &["DEV"],
            false,
        ),
        (
            "another component made",
            then(then(active(), not_added("web", true)), added("job")),
            &["api", "job", "web"],
            &["DEV"],
            true,
        ),
        (
            "environment",
            then(active(), no_environment(true)),
            &["api"],
            &["DEV", "PRD"],
            true,
        ),
        (
            "clean environment",
            then(active(), no_environment(false)),
            &["api"],
            &["DEV"],
            false,
        ),
        (
            "environment made after all",
            then(then(active(), no_environment(true)), environment()),
            &["api"],
            &["DEV", "PRD"],
            false,
        ),
        (
            "both",
            then(then(active(), no_environment(true)), not_added("web", true)),
            &["api", "web"],
            &["DEV", "PRD"],
            true,
        ),
        ("creation", wide_left(), &["api", "web"], &["DEV", "PRD"], true),
        (
            "created with less",
            then(wide_left(), again(&["api"], &[Dev], activated())),
            &["api", "web"],
            &["DEV", "PRD"],
            true,
        ),
        (
            "created with less, and failed cleanly",
            then(
                wide_left(),
                again(&["api"], &[Dev], provisioning_failed(run, false)),
            ),
            &["api", "web"],
            &["DEV", "PRD"],
            true,
        ),
        (
            "created with the same",
            then(wide_left(), again(&["api", "web"], &[Dev, Prd], activated())),
            &["api", "web"],
            &["DEV", "PRD"],
            false,
        ),
        (
            "removed",
            then(
                then(wide_left(), gone(false)),
                again(&["job"], &[Dev], activated()),
            ),
            &["job"],
            &["DEV"],
            false,
        ),
        (
            "removed, but for something",
            then(then(active(), gone(true)), again(&["job"], &[Prd], activated())),
            &["job", "api"],
            &["DEV", "PRD"],
            true,
        ),
        (
            "the removal given up",
            then(
                active(),
                vec![
                    decommission_requested(run),
                    ServiceEvent::ServiceDecommissionAbandoned {
                        run,
                        cause: "no".into(),
                    },
                ],
            ),
            &["api"],
            &["DEV"],
            true,
        ),
    ];
    for (name, history, components, environments, left_behind) in rows {
        let service = folded(history);
        let (of, into) = to_remove(&service);
        assert_eq!(
            (of, into),
            (
                components.iter().map(|c| (*c).to_owned()).collect(),
                environments.to_vec()
            ),
            "{name}"
        );
        assert_eq!(service.left_behind(), left_behind, "{name}");
    }
}
