//! The plans of the four sagas over a service.

use super::steps::Draft;
use super::{Plan, PlanError, Targets};
use crate::service::ComponentSpec;
use crate::{Environment, EnvironmentSet, ServiceKey};

/// Everything that a service has.
///
/// # Errors
/// [`PlanError`] where a tool is not connected.
pub fn plan_provision(
    key: &ServiceKey,
    components: &[ComponentSpec],
    environments: &EnvironmentSet,
    targets: &Targets,
) -> Result<Plan, PlanError> {
    let mut draft = Draft::new(key, targets);
    draft.foundation()?;
    for environment in environments.iter() {
        draft.environment(environment)?;
    }
    for component in components {
        draft.component(component, environments)?;
        for environment in environments.iter() {
            draft.placement(&component.name, environment)?;
        }
    }
    draft.finish()
}

/// One more component in all environments of a service.
///
/// # Errors
/// [`PlanError`] where a tool is not connected.
pub fn plan_add_component(
    key: &ServiceKey,
    component: &ComponentSpec,
    environments: &EnvironmentSet,
    targets: &Targets,
) -> Result<Plan, PlanError> {
    let mut draft = Draft::new(key, targets);
    draft.component(component, environments)?;
    for environment in environments.iter() {
        draft.placement(&component.name, environment)?;
    }
    draft.finish()
}

/// One more environment for all components of a service.
///
/// # Errors
/// [`PlanError`] where a tool is not connected.
pub fn plan_add_environment(
    key: &ServiceKey,
    components: &[ComponentSpec],
    environment: Environment,
    targets: &Targets,
) -> Result<Plan, PlanError> {
    let mut draft = Draft::new(key, targets);
    draft.environment(environment)?;
    for component in components {
        draft.overlay(component, environment)?;
        draft.placement(&component.name, environment)?;
    }
    draft.finish()
}

/// Everything that a service has, to be removed: what came last goes first.
///
/// # Errors
/// [`PlanError`] where a tool is not connected.
pub fn plan_decommission(
    key: &ServiceKey,
    components: &[ComponentSpec],
    environments: &EnvironmentSet,
    targets: &Targets,
) -> Result<Plan, PlanError> {
    plan_provision(key, components, environments, targets)?.reversed()
}
