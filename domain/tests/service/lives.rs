//! A service that is made anew.

use cqrs_es::test::TestFramework;
use opstella_domain::Decide;
use opstella_domain::service::{Service, ServiceCommand, ServiceEvent};

use crate::given::{add_component, current, decommission_requested, next, requested, states};
use crate::support::{component, run_id};

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
fn each_life_is_told_from_the_one_before() {
    let mut service = Service::default();
    let mut happen = |events: Vec<ServiceEvent>| {
        events.into_iter().for_each(|event| service.evolve(event));
        service.incarnation
    };
    assert_eq!(happen(states().remove(2).history), Some(run_id(9)));
    // A change is no other life, nor is its end.
    let (component, run) = (component("web"), current());
    let changed = vec![
        ServiceEvent::ComponentRequested {
            component: component.clone(),
            adopt: false,
            run,
        },
        ServiceEvent::ComponentAdded { component, run },
        decommission_requested(current()),
        ServiceEvent::ServiceDecommissioned {
            run: current(),
            left_behind: false,
        },
    ];
    assert_eq!(happen(changed), Some(run_id(9)));
    assert_eq!(happen(vec![requested(next())]), Some(next()));
}
