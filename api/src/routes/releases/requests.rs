//! Bodies of commands on releases.

use chrono::{DateTime, Utc};
use opstella_domain::policy::GateName;
use opstella_domain::release::{Commit, Digest, ReleaseImage, ReleaseVersion};
use opstella_domain::{ComponentName, Subject};
use serde::Deserialize;
use utoipa::ToSchema;

/// Images of a version.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "version": "1.4.0",
    "components": [{
        "name": "api",
        "digest": "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "commit": "3f786850e387550fdab836ed7e6dc881de23001b",
        "pipeline": "https://gitlab.example/payments/checkout_api/-/pipelines/17",
    }],
}))]
pub struct RegisterReleaseRequest {
    /// The version.
    #[schema(value_type = String, min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    pub version: ReleaseVersion,
    /// Its images.
    #[schema(min_items = 1, max_items = 20)]
    pub components: Vec<ReleaseImageRequest>,
    /// Who wrote what is in it; whoever sends the command, if nobody is named.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255)]
    pub author: Option<Subject>,
}

/// The image of one component.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseImageRequest {
    /// Of which component.
    #[schema(value_type = String, min_length = 1, max_length = 40, pattern = "^[a-z]([a-z0-9-]*[a-z0-9])?$")]
    pub name: ComponentName,
    /// Which image.
    #[schema(value_type = String, pattern = "^sha256:[0-9a-f]{64}$")]
    pub digest: Digest,
    /// From which commit.
    #[schema(value_type = String, pattern = "^([0-9a-f]{40}|[0-9a-f]{64})$")]
    pub commit: Commit,
    /// By which pipeline: a link.
    #[schema(max_length = 2048, pattern = "^https?://")]
    pub pipeline: Option<String>,
}

impl From<ReleaseImageRequest> for ReleaseImage {
    fn from(request: ReleaseImageRequest) -> Self {
        Self {
            component: request.name,
            digest: request.digest,
            commit: request.commit,
            pipeline: request.pipeline,
        }
    }
}

/// A waiver to be granted.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "gate": "no-critical-vulnerability", "finding": "CVE-2026-1234",
    "reason": "the vulnerable function is not called", "expires_at": "2026-12-24T00:00:00Z",
}))]
pub struct GrantWaiverRequest {
    /// Which gate.
    #[schema(value_type = String, min_length = 1, max_length = 47)]
    pub gate: GateName,
    /// Only this finding of it; the whole gate, if none is named.
    #[schema(min_length = 1, max_length = 120)]
    pub finding: Option<String>,
    /// Why.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
    /// Until when it counts: at most 90 days from now.
    pub expires_at: DateTime<Utc>,
}

/// A reason.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "a fixed version is out"}))]
pub struct ReasonRequest {
    /// Why.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}
