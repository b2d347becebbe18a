//! Bodies of commands on services.

use opstella_domain::template::TemplateVersion;
use opstella_domain::{ComponentName, Environment, EnvironmentSet, ServiceName, Subject, TemplateName};
use serde::Deserialize;
use utoipa::ToSchema;

/// A component to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ComponentRequest {
    /// Its name within the service.
    #[schema(value_type = String, min_length = 1, max_length = 40, pattern = "^[a-z]([a-z0-9-]*[a-z0-9])?$")]
    pub name: ComponentName,
    /// The template that it is made from.
    #[schema(value_type = String, min_length = 1, max_length = 40, pattern = "^[a-z]([a-z0-9-]*[a-z0-9])?$")]
    pub template: TemplateName,
    /// The template's version; the newest, if none is named.
    #[schema(value_type = Option<String>, pattern = "^(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)$")]
    pub version: Option<TemplateVersion>,
}

impl From<ComponentRequest> for opstella_commands::ComponentRequest {
    fn from(request: ComponentRequest) -> Self {
        Self {
            name: request.name,
            template: request.template,
            version: request.version,
        }
    }
}

/// A component to be added.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "worker", "template": "http-service"}))]
pub struct AddComponentRequest {
    /// Its name within the service.
    #[schema(value_type = String, min_length = 1, max_length = 40, pattern = "^[a-z]([a-z0-9-]*[a-z0-9])?$")]
    pub name: ComponentName,
    /// The template that it is made from.
    #[schema(value_type = String, min_length = 1, max_length = 40, pattern = "^[a-z]([a-z0-9-]*[a-z0-9])?$")]
    pub template: TemplateName,
    /// The template's version; the newest, if none is named.
    #[schema(value_type = Option<String>, pattern = "^(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)$")]
    pub version: Option<TemplateVersion>,
    /// Whether resources that are there already and are not Opstella's may be adopted.
    #[serde(default)]
    pub adopt: bool,
}

/// A service to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "checkout",
    "components": [{"name": "api", "template": "http-service"}, {"name": "worker", "template": "http-service"}],
    "environments": ["DEV", "SIT", "UAT", "PRE", "PRD"],
}))]
pub struct CreateServiceRequest {
    /// Its name within the project: a DNS label. It cannot be changed.
    #[schema(value_type = String, min_length = 1, max_length = 40, pattern = "^[a-z]([a-z0-9-]*[a-z0-9])?$")]
    pub name: ServiceName,
    /// What it is made of; names differ.
    #[schema(min_items = 1, max_items = 20)]
    pub components: Vec<ComponentRequest>,
    /// Where it will be, in promotion order, none twice.
    #[schema(value_type = Vec<EnvironmentName>, min_items = 1, max_items = 5)]
    pub environments: EnvironmentSet,
    /// Who answers for it; whoever sends the command, if nobody is named.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255)]
    pub owner: Option<Subject>,
    /// Whether resources that are there already and are not Opstella's may be adopted.
    #[serde(default)]
    pub adopt: bool,
}

/// An environment to be added.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"environment": "PRD"}))]
pub struct AddEnvironmentRequest {
    /// Which.
    #[schema(value_type = EnvironmentName)]
    pub environment: Environment,
    /// Whether resources that are there already and are not Opstella's may be adopted.
    #[serde(default)]
    pub adopt: bool,
}

/// Why a service is to go.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "replaced by checkout-2"}))]
pub struct DecommissionRequest {
    /// In words, for the audit log.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

/// An environment, in promotion order.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum EnvironmentName {
    /// Development.
    Dev,
    /// System integration test.
    Sit,
    /// User acceptance test.
    Uat,
    /// Pre-production.
    Pre,
    /// Production.
    Prd,
}
