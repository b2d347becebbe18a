//! Whatever is asked of a service, in whatever order, it keeps its promises.

use proptest::prelude::*;
use uuid::Uuid;

use super::{ComponentSpec, Lifecycle, Service, ServiceCommand};
use crate::{Decide, DomainError, Environment, EnvironmentSet, RunId, ServiceKey};

/// What happens next.
#[derive(Debug, Clone, Copy)]
enum Act {
    Create(usize),
    AddComponent(u8),
    AddEnvironment(prop::sample::Index),
    Decommission,
    /// The run in flight ends: well or not, with something left behind or not.
    End(bool, bool),
    /// A run that is not in flight ends, perhaps for the second time.
    EndOther(bool),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        3 => (1_usize..4).prop_map(Act::Create),
        3 => (0_u8..6).prop_map(Act::AddComponent),
        3 => any::<prop::sample::Index>().prop_map(Act::AddEnvironment),
        2 => Just(Act::Decommission),
        6 => any::<(bool, bool)>().prop_map(|(well, left)| Act::End(well, left)),
        1 => any::<bool>().prop_map(Act::EndOther),
    ];
    prop::collection::vec(act, 0..60)
}

fn key() -> ServiceKey {
    "payments/checkout".parse().unwrap()
}

fn component(name: &str) -> ComponentSpec {
    let json = serde_json::json!({"name": name, "template": {"name": "http-service", "version": "1.0.0"}});
    serde_json::from_value(json).unwrap()
}

fn environments(wanted: &[Environment]) -> EnvironmentSet {
    wanted.to_vec().try_into().unwrap()
}

fn end(run: RunId, well: bool, left_behind: bool) -> ServiceCommand {
    if well {
        return ServiceCommand::RunSucceeded { run, left_behind };
    }
    ServiceCommand::RunEnded {
        run,
        cause: "no".into(),
        left_behind,
    }
}

fn command(act: Act, service: &Service, run: RunId) -> ServiceCommand {
    match act {
        Act::Create(components) => ServiceCommand::Create {
            key: key(),
            components: (0..components).map(|n| component(&format!("c{n}"))).collect(),
            environments: environments(&[Environment::Dev]),
            owner: "alice".parse().unwrap(),
            adopt: false,
            run,
        },
        Act::AddComponent(n) => ServiceCommand::AddComponent {
            key: key(),
            component: component(&format!("c{n}")),
            adopt: false,
            run,
        },
        Act::AddEnvironment(index) => ServiceCommand::AddEnvironment {
            key: key(),
            environment: *index.get(&Environment::all().collect::<Vec<_>>()),
            adopt: false,
            run,
        },
        Act::Decommission => ServiceCommand::Decommission {
            key: key(),
            reason: "replaced".into(),
            run,
        },
        Act::End(well, left) => end(service.run.unwrap_or(run), well, left),
        Act::EndOther(well) => end(run, well, false),
    }
}

/// One command of each name that people send, which nothing but the state can stand against.
fn each(service: &Service, run: RunId) -> Vec<ServiceCommand> {
    let mut each = vec![
        command(Act::Create(1), service, run),
        ServiceCommand::AddComponent {
            key: key(),
            component: component("one-more"),
            adopt: false,
            run,
        },
        command(Act::Decommission, service, run),
    ];
    let there = service.environments.as_ref();
    let missing = Environment::all().find(|e| !there.is_some_and(|set| set.contains(*e)));
    each.extend(missing.map(|environment| ServiceCommand::AddEnvironment {
        key: key(),
        environment,
        adopt: false,
        run,
    }));
    each
}

fn accepts_agrees(service: &Service, run: RunId) -> Result<(), TestCaseError> {
    let accepts = service.accepts();
    for command in each(service, run) {
        let name = command.name();
        let decided = service.decide(command);
        prop_assert_eq!(
            decided.is_ok(),
            accepts.contains(&name),
            "{} of {}: {:?}",
            name,
            service.state(),
            decided
        );
        if let Err(DomainError::WrongState { accepts: told, .. }) = decided {
            prop_assert_eq!(told, accepts.clone());
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn one_run_at_a_time_and_what_it_accepts_is_what_it_says(acts in acts()) {
        let mut service = Service::default();
        for (number, act) in acts.into_iter().enumerate() {
            let run = RunId(Uuid::from_u128(number as u128 + 1));
            accepts_agrees(&service, run)?;
            let before = service.clone();
            let Ok(events) = service.decide(command(act, &service, run)) else { continue };
            prop_assert!(events.len() <= 1);
            let ends = matches!(act, Act::End(..) | Act::EndOther(_));
            for event in events {
                // What is stored is read again as it was.
                let json = serde_json::to_string(&event).unwrap();
                prop_assert_eq!(&serde_json::from_str::<super::ServiceEvent>(&json).unwrap(), &event);
                service.evolve(event);
                if ends {
                    prop_assert!(before.run.is_some() && service.run.is_none() && service.change.is_none());
                } else {
                    prop_assert_eq!((before.run, service.run), (None, Some(run)), "two runs at once");
                }
            }
            if matches!(act, Act::EndOther(_)) {
                prop_assert_eq!(before.run, service.run, "the end of another run changes nothing");
            }
            let in_flight = matches!(service.lifecycle, Lifecycle::Provisioning) || service.change.is_some();
            prop_assert!(service.run.is_some() || !in_flight, "a change, and no run for it");
            // A snapshot stands for the state.
            let kept = serde_json::to_value(&service).unwrap();
            let read: Service = serde_json::from_value(kept.clone()).unwrap();
            prop_assert_eq!(serde_json::to_value(&read).unwrap(), kept);
        }
    }
}
