//! Commands and events of a service, in few words.

use opstella_domain::service::{ServiceCommand, ServiceEvent};
use opstella_domain::{Environment, EnvironmentSet, RunId};

use crate::support::{component, key, run_id};

/// The run that is in flight in the states that have one, and the run that a command brings along.
pub fn current() -> RunId {
    run_id(1)
}

pub fn next() -> RunId {
    run_id(2)
}

pub fn requested(run: RunId) -> ServiceEvent {
    ServiceEvent::ServiceRequested {
        key: key(),
        components: vec![component("api")],
        environments: EnvironmentSet::only(Environment::Dev),
        owner: "alice".parse().unwrap(),
        adopt: false,
        run,
    }
}

pub fn decommission_requested(run: RunId) -> ServiceEvent {
    ServiceEvent::ServiceDecommissionRequested {
        reason: "replaced".into(),
        run,
    }
}

/// A state: how it comes about, what it is called, which commands it takes.
pub struct State {
    pub history: Vec<ServiceEvent>,
    pub name: String,
    pub accepts: Vec<&'static str>,
}

pub fn states() -> Vec<State> {
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

pub fn create() -> ServiceCommand {
    ServiceCommand::Create {
        key: key(),
        components: vec![component("api")],
        environments: EnvironmentSet::only(Environment::Dev),
        owner: "alice".parse().unwrap(),
        adopt: false,
        run: next(),
    }
}

pub fn add_component(name: &str) -> ServiceCommand {
    ServiceCommand::AddComponent {
        key: key(),
        component: component(name),
        adopt: false,

        run: next(),
    }
}

pub fn add_environment(environment: Environment) -> ServiceCommand {
    ServiceCommand::AddEnvironment {
        key: key(),
        environment,
        adopt: false,

        run: next(),
    }
}

pub fn decommission(reason: &str) -> ServiceCommand {
    ServiceCommand::Decommission {
        key: key(),
        reason: reason.into(),
        run: next(),
    }
}

/// The four commands, and the event of each where it is taken.
pub fn commands() -> Vec<(ServiceCommand, ServiceEvent)> {
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

/// A run's end, with something left behind or not.
pub fn provisioning_failed(run: RunId, left_behind: bool) -> ServiceEvent {
    ServiceEvent::ServiceProvisioningFailed {
        run,
        cause: "no".into(),
        left_behind,
    }
}

pub fn requested_of(components: &[&str], environments: &[Environment], run: RunId) -> ServiceEvent {
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
