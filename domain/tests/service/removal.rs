//! What was left behind is removed, and counts until then.

use cqrs_es::test::TestFramework;
use opstella_domain::service::{Service, ServiceCommand, ServiceEvent};
use opstella_domain::{DomainError, Environment};

use crate::given::{
    add_component, create, current, decommission, decommission_requested, next, provisioning_failed,
    requested, requested_of, states,
};
use crate::support::{component, key};

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
