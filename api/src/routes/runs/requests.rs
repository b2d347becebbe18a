//! Bodies of commands on runs.

use opstella_domain::plan::StepId;
use serde::Deserialize;
use utoipa::ToSchema;

/// A step to be tried again.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"step": "gitlab.project/api"}))]
pub struct StepRequest {
    /// Which.
    #[schema(value_type = String, min_length = 1, max_length = 120, pattern = "^[a-z0-9._/-]+$")]
    pub step: StepId,
}

/// A step to be gone on without.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"step": "sonarqube.project/api", "reason": "made by hand"}))]
pub struct StepReasonRequest {
    /// Which.
    #[schema(value_type = String, min_length = 1, max_length = 120, pattern = "^[a-z0-9._/-]+$")]
    pub step: StepId,
    /// In words, for the audit log.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

/// Why.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "asked for by mistake"}))]
pub struct ReasonRequest {
    /// In words, for the audit log.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}
