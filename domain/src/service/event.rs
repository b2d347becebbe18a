//! What happens to a service.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::template::TemplateRef;
use crate::{ComponentName, Environment, EnvironmentSet, RunId, ServiceKey, Subject};

/// A component and the template that it is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ComponentSpec {
    /// Its name within the service.
    pub name: ComponentName,
    /// The template and its version.
    pub template: TemplateRef,
}

/// What happened to a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
pub enum ServiceEvent {
    /// Somebody asked for the service; `run` provisions it.
    ServiceRequested {
        /// Which.
        key: ServiceKey,
        /// Made of what.
        components: Vec<ComponentSpec>,
        /// In which environments.
        environments: EnvironmentSet,
        /// Who answers for it.
        owner: Subject,
        /// Whether resources that are there and not ours may be adopted.
        adopt: bool,
        /// Which run provisions it.
        run: RunId,
    },
    /// Every resource is there.
    ServiceActivated {
        /// By which run.
        run: RunId,
    },
    /// The run ended without the service; what it had made is unmade, unless `left_behind`.
    ServiceProvisioningFailed {
        /// Which run.
        run: RunId,
        /// Why.
        cause: String,
        /// Whether an operator gave up on some compensation.
        left_behind: bool,
    },
    /// Somebody asked for one more component.
    ComponentRequested {
        /// Which.
        component: ComponentSpec,
        /// Whether resources that are there and not ours may be adopted.
        #[serde(default)]
        adopt: bool,
        /// Which run makes it.
        run: RunId,
    },
    /// The component is there.
    ComponentAdded {
        /// Which.
        component: ComponentSpec,
        /// By which run.
        run: RunId,
    },
    /// The component could not be made; the service is as before, unless `left_behind`.
    ComponentAdditionFailed {
        /// Which.
        component: ComponentName,
        /// Which run.
        run: RunId,
        /// Why.
        cause: String,
        /// Whether an operator gave up on some compensation.
        left_behind: bool,
    },
    /// Somebody asked for one more environment.
    EnvironmentRequested {
        /// Which.
        environment: Environment,
        /// Whether resources that are there and not ours may be adopted.
        #[serde(default)]
        adopt: bool,
        /// Which run makes it.
        run: RunId,
    },
    /// The environment is there.
    EnvironmentAdded {
        /// Which.
        environment: Environment,
        /// By which run.
        run: RunId,
    },
    /// The environment could not be made; the service is as before, unless `left_behind`.
    EnvironmentAdditionFailed {
        /// Which.
        environment: Environment,
        /// Which run.
        run: RunId,
        /// Why.
        cause: String,
        /// Whether an operator gave up on some compensation.
        left_behind: bool,
    },
    /// Somebody asked for the end of the service.
    ServiceDecommissionRequested {
        /// Why.
        reason: String,
        /// Which run removes it.
        run: RunId,
    },
    /// Nothing of it is left, unless `left_behind`.
    ServiceDecommissioned {
        /// By which run.
        run: RunId,
        /// Whether an operator gave up on removing some of it.
        left_behind: bool,
    },
    /// The removal was given up; some of it is still there. It may be asked for again.
    ServiceDecommissionAbandoned {
        /// Which run.
        run: RunId,
        /// Why.
        cause: String,
    },
}
