//! Every command in every state, and what is refused.

use cqrs_es::test::TestFramework;
use opstella_domain::service::{Service, ServiceCommand, ServiceEvent};
use opstella_domain::{DomainError, Environment};

use crate::given::{
    add_component, add_environment, commands, create, current, decommission, requested, states,
};
use crate::support::{component, key};

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
