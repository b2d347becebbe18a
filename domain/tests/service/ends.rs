//! What the end of a run means.

use cqrs_es::test::TestFramework;
use opstella_domain::Environment;
use opstella_domain::service::{Service, ServiceCommand, ServiceEvent};

use crate::given::{add_environment, current, next, states};
use crate::support::{component, run_id};

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
