//! Gates as the API shows them.

use chrono::{DateTime, Utc};
use opstella_commands::Checked;
use opstella_domain::policy::GateResult;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// One gate, looked at.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct GateView {
    /// Which.
    #[schema(examples("no-critical-vulnerability"))]
    pub gate: String,
    /// `passed`, `waived`, `waiting` (opens by time or people) or `failed`.
    pub verdict: String,
    /// Why.
    pub reason: String,
    /// What would open it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// When it opens by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<DateTime<Utc>>,
    /// Digests of the reports that it looked at.
    pub evidence: Vec<String>,
}

impl From<&GateResult> for GateView {
    fn from(result: &GateResult) -> Self {
        Self {
            gate: result.gate.to_string(),
            verdict: result.verdict.slug().to_owned(),
            reason: result.reason.clone(),
            remedy: result.remedy.clone(),
            opens_at: result.opens_at,
            evidence: result.evidence.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Whether a release could be promoted now.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CheckView {
    /// Whether it would be deployed at once.
    pub now: bool,
    /// Every gate.
    pub gates: Vec<GateView>,
    /// Version of the platform's policy; 0 for the one that comes along.
    pub platform_policy: u32,
    /// Version of the project's policy; 0 where it has none.
    pub project_policy: u32,
    /// The promotion that is in flight already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<Uuid>,
}

impl From<Checked> for CheckView {
    fn from(checked: Checked) -> Self {
        Self {
            now: checked.now,
            gates: checked.gates.iter().map(Into::into).collect(),
            platform_policy: checked.policy.platform,
            project_policy: checked.policy.project,
            in_flight: checked.in_flight.map(|id| id.0),
        }
    }
}
