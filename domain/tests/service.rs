//! Every command of a service in every state of its lifecycle.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use cqrs_es::test::TestFramework;
use opstella_domain::service::{Service, ServiceCommand, ServiceEvent};
use opstella_domain::{Decide, DomainError, Environment, EnvironmentSet, RunId};
use support::{component, key, run_id};

/// The run that is in flight in the states that have one, and the run that a command brings along.
fn current() -> RunId {
    run_id(1)
}
fn next() -> RunId {
    run_id(2)
}

fn requested(run: RunId) -> ServiceEvent {
    ServiceEvent::ServiceRequested {
        key: key(),
        components: vec![component("api")],
        environments: EnvironmentSet::only(Environment::Dev),
        owner: "alice".parse().unwrap(),
        adopt: false,
        run,
    }
}

fn decommission_requested(run: RunId) -> ServiceEvent {
    ServiceEvent::ServiceDecommissionRequested {
        reason: "replaced".into(),
        run,
    }
}

/// A state: how it comes about, what it is called, which commands it takes.
struct State {
    history: Vec<ServiceEvent>,
    name: String,
    accepts: Vec<&'static str>,
}

fn states() -> Vec<State> {
    let earlier = run_id(9);
    let flight = |what: &str| format!("{what} (run {} in flight)", current());
    let active = || {
        vec![
            requested(earlier),
            ServiceEvent::ServiceActivated { run: earlier },
        ]
    };
    let then = |mut history: Vec<ServiceEvent>, more: Vec<ServiceEvent>| {
        history.extend(more);
        history
    };
    let state = |name: String, accepts: &[&'static str], history| State {
        history,
        name,
        accepts: accepts.to_vec(),
    };
    let failed = ServiceEvent::ServiceProvisioningFailed {
        run: earlier,
        cause: "step x: no".into(),
        left_behind: false,
    };
    let component_requested = ServiceEvent::ComponentRequested {
        component: component("web"),
        adopt: false,

        run: current(),
    };
    let environment_requested = ServiceEvent::EnvironmentRequested {
        environment: Environment::Prd,
        adopt: false,

        run: current(),
    };
    let abandoned = ServiceEvent::ServiceDecommissionAbandoned {
        run: earlier,
        cause: "given up".into(),
    };
    let gone = ServiceEvent::ServiceDecommissioned {
        run: earlier,
        left_behind: false,
    };
    vec![
        state("unknown".into(), &["CreateService"], vec![]),
        state(flight("provisioning"), &[], vec![requested(current())]),
        state(
            "active".into(),
            &["AddComponent", "AddEnvironment", "DecommissionService"],
            active(),
        ),
        state(flight("changing"), &[], then(active(), vec![component_requested])),
        state(
            flight("changing"),
            &[],
            then(active(), vec![environment_requested]),
        ),
        state(
            "provisioning-failed".into(),
            &["CreateService"],
            vec![requested(earlier), failed],
        ),
        state(
            flight("decommissioning"),
            &[],
            then(active(), vec![decommission_requested(current())]),
        ),
        state(
            "decommissioning".into(),
            &["DecommissionService"],
            then(active(), vec![decommission_requested(earlier), abandoned]),
        ),
        state(
            "decommissioned".into(),
            &["CreateService"],
            then(active(), vec![decommission_requested(earlier), gone]),
        ),
    ]
}

fn create() -> ServiceCommand {
    ServiceCommand::Create {
        key: key(),
        components: vec![component("api")],
        environments: EnvironmentSet::only(Environment::Dev),
        owner: "alice".parse().unwrap(),
        adopt: false,
        run: next(),
    }
}

fn add_component(name: &str) -> ServiceCommand {
    ServiceCommand::AddComponent {
        key: key(),
        component: component(name),
        adopt: false,

        run: next(),
    }
}

fn add_environment(environment: Environment) -> ServiceCommand {
    ServiceCommand::AddEnvironment {
        key: key(),
        environment,
        adopt: false,

        run: next(),
    }
}

fn decommission(reason: &str) -> ServiceCommand {
    ServiceCommand::Decommission {
        key: key(),
        reason: reason.into(),
        run: next(),
    }
}

/// The four commands, and the event of each where it is taken.
fn commands() -> Vec<(ServiceCommand, ServiceEvent)> {
    let web = ServiceEvent::ComponentRequested {
        component: component("web"),
        adopt: false,

        run: next(),
    };
    let uat = ServiceEvent::EnvironmentRequested {
        environment: Environment::Uat,
        adopt: false,

        run: next(),
    };
    vec![
        (create(), requested(next())),
        (add_component("web"), web),
        (add_environment(Environment::Uat), uat),
        (decommission("replaced"), decommission_requested(next())),
    ]
}

#[test]
fn every_command_in_every_state() {
    for state in states() {
        for (command, event) in commands() {
            let name = command.name();
            let case = format!("{name} on {}", state.name);
            let given = TestFramework::<Service>::with(()).given(state.history.clone());
            let result = given.when(command).inspect_result();
            if state.accepts.contains(&name) {
                assert_eq!(result, Ok(vec![event]), "{case}");
                continue;
            }
            let id = key().to_string();
            let there = ["provisioning (", "active", "changing"];
            let expected = if state.history.is_empty() {
                DomainError::NotFound { kind: "service", id }
            } else if name == "CreateService" && there.iter().any(|s| state.name.starts_with(s)) {
                DomainError::AlreadyExists { kind: "service", id }
            } else {
                DomainError::WrongState {
                    kind: "service",
                    id,
                    state: state.name.clone(),
                    command: name,
                    accepts: state.accepts.clone(),
                }
            };
            assert_eq!(result, Err(expected), "{case}");
        }
    }
}

#[test]
fn a_refusal_says_the_state_and_what_it_takes() {
    let refusal = |history, command| {
        let given = TestFramework::<Service>::with(()).given(history);
        given.when(command).inspect_result().unwrap_err().to_string()
    };
    let failed = states().remove(5).history;
    assert_eq!(
        refusal(failed, add_component("web")),
        "service `payments/checkout` is provisioning-failed and does not take AddComponent; it takes: CreateService"
    );
    assert_eq!(
        refusal(vec![requested(current())], decommission("replaced")),
        format!(
            "service `payments/checkout` is provisioning (run {} in flight) and does not take DecommissionService; \
             it takes: nothing in this state",
            current()
        )
    );
}

#[test]
fn the_run_in_flight_ends_what_it_was_for() {
    let run = current();
    let cause = || "step x: no".to_owned();
    let expected = [
        (
            1,
            ServiceEvent::ServiceActivated { run },
            ServiceEvent::ServiceProvisioningFailed {
                run,
                cause: cause(),
                left_behind: true,
            },
        ),
        (
            3,
            ServiceEvent::ComponentAdded {
                component: component("web"),
                run,
            },
            ServiceEvent::ComponentAdditionFailed {
                component: "web".parse().unwrap(),
                run,
                cause: cause(),
                left_behind: true,
            },
        ),
        (
            4,
            ServiceEvent::EnvironmentAdded {
                environment: Environment::Prd,
                run,
            },
            ServiceEvent::EnvironmentAdditionFailed {
                environment: Environment::Prd,
                run,
                cause: cause(),
                left_behind: true,
            },
        ),
        (
            6,
            ServiceEvent::ServiceDecommissioned {
                run,
                left_behind: true,
            },
            ServiceEvent::ServiceDecommissionAbandoned { run, cause: cause() },
        ),
    ];
    for (index, state) in states().into_iter().enumerate() {
        let ends = |command| {
            let given = TestFramework::<Service>::with(()).given(state.history.clone());
            given.when(command).inspect_result().unwrap()
        };
        let well = ends(ServiceCommand::RunSucceeded {
            run,
            left_behind: true,
        });
        let badly = ends(ServiceCommand::RunEnded {
            run,
            cause: cause(),
            left_behind: true,
        });
        match expected.iter().find(|(at, ..)| *at == index) {
            Some((_, good, bad)) => {
                assert_eq!(well, vec![good.clone()], "{}", state.name);
                assert_eq!(badly, vec![bad.clone()], "{}", state.name);
            }
            None => assert!(well.is_empty() && badly.is_empty(), "{}", state.name),
        }
    }
}

#[test]
fn the_end_of_a_run_that_is_not_in_flight_changes_nothing() {
    for state in states() {
        for stale in [run_id(9), run_id(77)] {
            let ended = ServiceCommand::RunEnded {
                run: stale,
                cause: "late".into(),
                left_behind: false,
            };
            for command in [
                ServiceCommand::RunSucceeded {
                    run: stale,
                    left_behind: false,
                },
                ended,
            ] {
                let given = TestFramework::<Service>::with(()).given(state.history.clone());
                given.when(command).then_expect_events(vec![]);
            }
        }
    }
}

#[test]
fn a_service_is_made_anew_after_it_failed_or_was_removed() {
    for index in [5, 8] {
        let mut history = states().remove(index).history;
        history.push(requested(next()));
        let given = || TestFramework::<Service>::with(()).given(history.clone());
        // The run of the first life has no say in the second.
        given()
            .when(ServiceCommand::RunSucceeded {
                run: run_id(9),
                left_behind: false,
            })
            .then_expect_events(vec![]);
        given()
            .when(ServiceCommand::RunSucceeded {
                run: next(),
                left_behind: false,
            })
            .then_expect_events(vec![ServiceEvent::ServiceActivated { run: next() }]);
    }
}

#[test]
fn the_second_life_forgets_the_first() {
    let mut history = states().remove(2).history;
    history.extend([
        ServiceEvent::ComponentRequested {
            component: component("web"),
            adopt: false,

            run: current(),
        },
        ServiceEvent::ComponentAdded {
            component: component("web"),
            run: current(),
        },
        decommission_requested(current()),
        ServiceEvent::ServiceDecommissioned {
            run: current(),
            left_behind: false,
        },
        requested(current()),
        ServiceEvent::ServiceActivated { run: current() },
    ]);
    let web = ServiceEvent::ComponentRequested {
        component: component("web"),
        adopt: false,

        run: next(),
    };
    TestFramework::<Service>::with(())
        .given(history)
        .when(add_component("web"))
        .then_expect_events(vec![web]);
}

#[test]
fn what_is_there_already_is_named() {
    let active = || TestFramework::<Service>::with(()).given(states().remove(2).history);
    active()
        .when(add_component("api"))
        .then_expect_error(DomainError::AlreadyExists {
            kind: "component",
            id: "payments/checkout/api".into(),
        });
    active()
        .when(add_environment(Environment::Dev))
        .then_expect_error(DomainError::AlreadyExists {
            kind: "environment",
            id: "payments/checkout/DEV".into(),
        });
}

#[test]
fn an_environment_that_could_not_be_added_may_be_added_again() {
    let mut history = states().remove(4).history;
    history.push(ServiceEvent::EnvironmentAdditionFailed {
        environment: Environment::Prd,
        run: current(),
        cause: "no".into(),
        left_behind: false,
    });
    let event = ServiceEvent::EnvironmentRequested {
        environment: Environment::Prd,
        adopt: false,

        run: next(),
    };
    TestFramework::<Service>::with(())
        .given(history)
        .when(add_environment(Environment::Prd))
        .then_expect_events(vec![event]);
}

#[test]
fn limits_name_the_field() {
    let field = |history: Vec<ServiceEvent>, command| {
        let given = TestFramework::<Service>::with(()).given(history);
        match given.when(command).inspect_result() {
            Err(DomainError::Invalid { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    };
    let with = |components| {
        let ServiceCommand::Create {
            key,
            environments,
            owner,
            adopt,
            run,
            ..
        } = create()
        else {
            unreachable!()
        };
        ServiceCommand::Create {
            key,
            components,
            environments,
            owner,
            adopt,
            run,
        }
    };
    let many = |n: usize| (0..n).map(|i| component(&format!("c{i}"))).collect::<Vec<_>>();
    assert_eq!(field(vec![], with(vec![])), "components");
    assert_eq!(field(vec![], with(many(21))), "components");
    assert_eq!(
        field(vec![], with(vec![component("a"), component("a")])),
        "components"
    );
    let active = || states().remove(2).history;
    for wrong in ["", "  ", &*"x".repeat(501)] {
        assert_eq!(field(active(), decommission(wrong)), "reason");
    }
    let mut full = active();
    full.extend(
        many(19)
            .into_iter()
            .map(|component| ServiceEvent::ComponentAdded {
                component,
                run: current(),
            }),
    );
    assert_eq!(field(full, add_component("one-more")), "name");
}

#[test]
fn what_a_failed_service_left_behind_may_be_removed() {
    for left_behind in [false, true] {
        let history = vec![
            requested(current()),
            ServiceEvent::ServiceProvisioningFailed {
                run: current(),
                cause: "no".into(),
                left_behind,
            },
        ];
        let command = ServiceCommand::Decommission {
            key: key(),
            reason: "clean up".into(),
            run: next(),
        };
        let decided = TestFramework::<Service>::with(())
            .given(history)
            .when(command)
            .inspect_result();
        assert_eq!(decided.is_ok(), left_behind, "{decided:?}");
    }
}

/// A run's end, with something left behind or not.
fn provisioning_failed(run: RunId, left_behind: bool) -> ServiceEvent {
    ServiceEvent::ServiceProvisioningFailed {
        run,
        cause: "no".into(),
        left_behind,
    }
}

fn requested_of(components: &[&str], environments: &[Environment], run: RunId) -> ServiceEvent {
    let ServiceEvent::ServiceRequested {
        key, owner, adopt, ..
    } = requested(run)
    else {
        unreachable!()
    };
    ServiceEvent::ServiceRequested {
        key,
        components: components.iter().map(|name| component(name)).collect(),
        environments: environments.to_vec().try_into().unwrap(),
        owner,
        adopt,
        run,
    }
}

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

#[test]
fn a_service_that_left_something_may_be_removed_though_it_is_not_there() {
    let failed_with_less = vec![
        requested_of(&["api", "web"], &[Environment::Dev], current()),
        provisioning_failed(current(), true),
        requested(current()),
        provisioning_failed(current(), false),
    ];
    let removed = |left_behind| {
        let mut history = states().remove(2).history;
        let gone = ServiceEvent::ServiceDecommissioned {
            run: current(),
            left_behind,
        };
        history.extend([decommission_requested(current()), gone]);
        TestFramework::<Service>::with(()).given(history)
    };
    let given = TestFramework::<Service>::with(()).given(failed_with_less);
    for given in [given, removed(true)] {
        given.when(decommission("clean up")).then_expect_events(vec![
            ServiceEvent::ServiceDecommissionRequested {
                reason: "clean up".into(),
                run: next(),
            },
        ]);
    }
    let nothing_left = removed(false).when(decommission("clean up")).inspect_result();
    assert!(nothing_left.is_err(), "{nothing_left:?}");
}

/// A removal has to have a plan of a bounded size.
#[test]
fn what_is_left_behind_counts_as_components() {
    let names: Vec<String> = (0..19).map(|n| format!("c{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let history = || {
        vec![
            requested_of(&names, &[Environment::Dev], current()),
            ServiceEvent::ServiceActivated { run: current() },
            ServiceEvent::ComponentRequested {
                component: component("left"),
                adopt: false,
                run: current(),
            },
            ServiceEvent::ComponentAdditionFailed {
                component: "left".parse().unwrap(),
                run: current(),
                cause: "no".into(),
                left_behind: true,
            },
        ]
    };
    let given = || TestFramework::<Service>::with(()).given(history());
    match given().when(add_component("one-more")).inspect_result() {
        Err(DomainError::Invalid { field, rule, .. }) => {
            assert_eq!(field, "name");
            assert!(rule.contains("left behind: left"), "{rule}");
        }
        other => panic!("{other:?}"),
    }
    given().when(add_component("left")).inspect_result().unwrap();

    let failed = vec![
        requested_of(&names, &[Environment::Dev], current()),
        provisioning_failed(current(), true),
    ];
    let ServiceCommand::Create {
        key,
        environments,
        owner,
        adopt,
        run,
        ..
    } = create()
    else {
        unreachable!()
    };
    let create = |names: &[&str]| ServiceCommand::Create {
        key: key.clone(),
        components: names.iter().map(|name| component(name)).collect(),
        environments: environments.clone(),
        owner: owner.clone(),
        adopt,
        run,
    };
    let given = || TestFramework::<Service>::with(()).given(failed.clone());
    given().when(create(&["c0", "new"])).inspect_result().unwrap();
    match given().when(create(&["new", "newer"])).inspect_result() {
        Err(DomainError::Invalid { field, .. }) => assert_eq!(field, "components"),
        other => panic!("{other:?}"),
    }
}
