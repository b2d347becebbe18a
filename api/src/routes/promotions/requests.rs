//! Bodies of commands on promotions.

use opstella_domain::Environment;
use opstella_domain::promotion::{ChangeReference, WhenBusy};
use opstella_domain::release::ReleaseVersion;
use serde::Deserialize;
use utoipa::ToSchema;

/// What to do where another promotion is in flight.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum WhenBusyName {
    /// Refuse.
    Refuse,
    /// Wait in the queue.
    Queue,
}

/// A release to be promoted.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"release": "1.4.0", "change_reference": "CHG0031337"}))]
pub struct PromoteRequest {
    /// Which release.
    #[schema(value_type = String, min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    pub release: ReleaseVersion,
    /// The change of the company's change management that it belongs to.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 80)]
    pub change_reference: Option<ChangeReference>,
    /// What to do where another promotion is in flight: `refuse` unless told.
    #[serde(default)]
    #[schema(value_type = Option<WhenBusyName>)]
    pub when_busy: WhenBusy,
}

/// A question whether a release could be promoted.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"release": "1.4.0", "environment": "PRD", "change_reference": "CHG0031337"}))]
pub struct CheckRequest {
    /// Which release.
    #[schema(value_type = String, min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    pub release: ReleaseVersion,
    /// Into which environment.
    #[schema(value_type = crate::routes::services::EnvironmentName)]
    pub environment: Environment,
    /// The change that it would belong to.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 80)]
    pub change_reference: Option<ChangeReference>,
}

/// An environment to go back.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"environment": "PRD"}))]
pub struct RollbackRequest {
    /// Which environment.
    #[schema(value_type = crate::routes::services::EnvironmentName)]
    pub environment: Environment,
    /// To which release; to the one before what runs now, if none is named.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    pub release: Option<ReleaseVersion>,
    /// The change that it belongs to.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 80)]
    pub change_reference: Option<ChangeReference>,
    /// What to do where another promotion is in flight: `refuse` unless told.
    #[serde(default)]
    #[schema(value_type = Option<WhenBusyName>)]
    pub when_busy: WhenBusy,
}

/// A yes.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"comment": "tested by hand"}))]
pub struct ApproveRequest {
    /// In your own words.
    #[schema(max_length = 500)]
    pub comment: Option<String>,
}

/// A no, with its reason.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "the login page is broken"}))]
pub struct BecauseRequest {
    /// Why.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}
