//! The sagas.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which saga a run executes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum SagaKind {
    /// Makes a service.
    ProvisionService,
    /// Adds a component to one.
    AddComponent,
    /// Adds an environment to one.
    AddEnvironment,
    /// Removes one.
    DecommissionService,
    /// Carries a release into an environment, or back to an earlier one.
    Promote,
}

impl SagaKind {
    /// Whether its steps make resources, or remove them. What is removed cannot be brought back, so a removing saga
    /// never unwinds: a step that fails for good makes the run stuck.
    pub fn removes(self) -> bool {
        matches!(self, Self::DecommissionService)
    }

    /// The name in the API: `provision-service`.
    pub fn slug(self) -> &'static str {
        self.into()
    }
}
