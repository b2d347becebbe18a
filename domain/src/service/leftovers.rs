//! What runs that came to nothing may have left of a service, beside what it has.

use serde::{Deserialize, Serialize};

use super::ComponentSpec;
use crate::{ComponentName, Environment, EnvironmentSet};

/// Components and environments that are not the service's, and of which something may be there still.
///
/// Each is kept until it is made after all, or removed with the service: that an operator removed it by hand nobody
/// tells us, and removing what is not there does no harm.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leftovers {
    /// Components, each name once, as they were last asked for.
    pub components: Vec<ComponentSpec>,
    /// Environments, each once.
    pub environments: Vec<Environment>,
}

impl Leftovers {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.components.is_empty() && self.environments.is_empty()
    }

    pub(super) fn add_component(&mut self, spec: ComponentSpec) {
        self.drop_component(&spec.name);
        self.components.push(spec);
    }

    pub(super) fn add_environment(&mut self, environment: Environment) {
        self.drop_environment(environment);
        self.environments.push(environment);
    }

    pub(super) fn drop_component(&mut self, name: &ComponentName) {
        self.components.retain(|left| &left.name != name);
    }

    pub(super) fn drop_environment(&mut self, environment: Environment) {
        self.environments.retain(|left| *left != environment);
    }

    /// All components that a service with these has, or may have something of.
    pub(super) fn with_components(&self, has: &[ComponentSpec]) -> Vec<ComponentSpec> {
        let only_left = |left: &&ComponentSpec| has.iter().all(|spec| spec.name != left.name);
        let left = self.components.iter().filter(only_left);
        has.iter().chain(left).cloned().collect()
    }

    /// All environments that a service with these has, or may have something in.
    pub(super) fn with_environments(&self, has: &EnvironmentSet) -> EnvironmentSet {
        let left = self.environments.iter();
        left.fold(has.clone(), |set, environment| set.with(*environment))
    }
}
