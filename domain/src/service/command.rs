//! What can be asked of a service.

use super::ComponentSpec;
use crate::{ComponentName, Environment, EnvironmentSet, RunId, ServiceKey, Subject};

/// What can be asked of a service.
#[derive(Debug, Clone)]
pub enum ServiceCommand {
    /// `CreateService`.
    Create {
        /// Which.
        key: ServiceKey,
        /// Made of what; at least one, names differ.
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
    /// `AddComponent`.
    AddComponent {
        /// Of which service (for messages).
        key: ServiceKey,
        /// Which.
        component: ComponentSpec,
        /// Whether resources that are there and not ours may be adopted.
        adopt: bool,
        /// Which run makes it.
        run: RunId,
    },
    /// `AddEnvironment`.
    AddEnvironment {
        /// Of which service (for messages).
        key: ServiceKey,
        /// Which.
        environment: Environment,
        /// Whether resources that are there and not ours may be adopted.
        adopt: bool,
        /// Which run makes it.
        run: RunId,
    },
    /// `DecommissionService`.
    Decommission {
        /// Which service (for messages).
        key: ServiceKey,
        /// Why.
        reason: String,
        /// Which run removes it.
        run: RunId,
    },
    /// The run in flight ended well.
    RunSucceeded {
        /// Which.
        run: RunId,
        /// Whether an operator gave up on removing some of it.
        left_behind: bool,
    },
    /// The run in flight ended, and what it was for is not there.
    RunEnded {
        /// Which.
        run: RunId,
        /// Why.
        cause: String,
        /// Whether an operator gave up on some of it.
        left_behind: bool,
    },
}

impl ServiceCommand {
    /// The command's name in the API.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create { .. } => "CreateService",
            Self::AddComponent { .. } => "AddComponent",
            Self::AddEnvironment { .. } => "AddEnvironment",
            Self::Decommission { .. } => "DecommissionService",
            Self::RunSucceeded { .. } | Self::RunEnded { .. } => "EndRun",
        }
    }
}

/// Keeps two components of one name apart from one component.
pub(super) fn first_duplicate(components: &[ComponentSpec]) -> Option<&ComponentName> {
    let names: Vec<_> = components.iter().map(|c| &c.name).collect();
    names
        .iter()
        .enumerate()
        .find(|(i, name)| names.iter().skip(i + 1).any(|n| n == *name))
        .map(|(_, name)| *name)
}
