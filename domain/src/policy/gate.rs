//! Gates: their names and verdicts.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::InvalidValue;
use crate::release::Digest;
use crate::values::text_value;

/// Names of the gates that come along.
const BUILT_IN: &[&str] = &[
    GateName::QUALITY,
    GateName::TESTS,
    GateName::SBOM,
    GateName::CRITICAL,
    GateName::HIGH,
    GateName::HEALTHY_BEFORE,
    GateName::DYNAMIC_SCAN,
    GateName::OPEN_CRITICAL,
    GateName::SOAK,
    GateName::FREEZE,
    GateName::CHANGE_REFERENCE,
    GateName::APPROVALS,
];

/// The name of a gate: `no-critical-vulnerability`, or `custom:<name>` for one written in Rego.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct GateName(#[schemars(length(min = 1, max = 47))] String);

impl GateName {
    pub(super) const QUALITY: &'static str = "quality-gate";
    pub(super) const TESTS: &'static str = "tests-passed";
    pub(super) const SBOM: &'static str = "bill-of-materials";
    pub(super) const CRITICAL: &'static str = "no-critical-vulnerability";
    pub(super) const HIGH: &'static str = "no-high-vulnerability";
    pub(super) const HEALTHY_BEFORE: &'static str = "healthy-before";
    pub(super) const DYNAMIC_SCAN: &'static str = "dynamic-scan";
    pub(super) const OPEN_CRITICAL: &'static str = "no-open-critical-finding";
    pub(super) const SOAK: &'static str = "soaked";
    pub(super) const FREEZE: &'static str = "no-freeze";
    pub(super) const CHANGE_REFERENCE: &'static str = "change-reference";
    pub(super) const APPROVALS: &'static str = "approvals";

    pub(super) fn built_in(name: &'static str) -> Self {
        Self(name.to_owned())
    }

    pub(super) fn custom(name: &str) -> Self {
        Self(format!("custom:{name}"))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is written in Rego.
    pub fn is_custom(&self) -> bool {
        self.0.starts_with("custom:")
    }

    /// The gates that are about people and time are not for security to waive.
    pub fn may_be_waived(&self) -> bool {
        !matches!(
            self.0.as_str(),
            Self::FREEZE | Self::CHANGE_REFERENCE | Self::APPROVALS
        )
    }

    /// Whether its verdict changes with time, people or the health of the environment before: that is neither the policy
    /// nor the release nor evidence on it, and voids no approval.
    pub(super) fn changes_by_itself(&self) -> bool {
        matches!(
            self.0.as_str(),
            Self::HEALTHY_BEFORE | Self::SOAK | Self::FREEZE | Self::CHANGE_REFERENCE | Self::APPROVALS
        )
    }
}

impl FromStr for GateName {
    type Err = InvalidValue;
    fn from_str(value: &str) -> Result<Self, InvalidValue> {
        let label = |name: &str| {
            let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            (1..=40).contains(&name.len()) && name.bytes().all(fits)
        };
        let custom = value.strip_prefix("custom:").is_some_and(label);
        if custom || BUILT_IN.contains(&value) {
            return Ok(Self(value.to_owned()));
        }
        let rule = format!("one of {}, or custom:<name>", BUILT_IN.join(", "));
        Err(InvalidValue::new("gate", value, rule))
    }
}

text_value!(GateName);

/// What a gate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum GateVerdict {
    /// It is open.
    Passed,
    /// It would be closed; a waiver opens it.
    Waived,
    /// It opens by itself, or when people act: time has to pass, somebody has to approve.
    Waiting,
    /// It is closed: something speaks against the release, or evidence is missing.
    Failed,
}

impl GateVerdict {
    /// The name in the API: `passed`.
    pub fn slug(self) -> &'static str {
        self.into()
    }

    /// Whether the release may pass.
    pub fn open(self) -> bool {
        matches!(self, Self::Passed | Self::Waived)
    }
}

/// One gate, looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GateResult {
    /// Which.
    pub gate: GateName,
    /// What it says.
    pub verdict: GateVerdict,
    /// Why, in words.
    pub reason: String,
    /// What would open it, in words; absent where it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// When it opens by itself, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<DateTime<Utc>>,
    /// Digests of the reports that it looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Digest>,
}

impl GateResult {
    pub(super) fn new(gate: &'static str, verdict: GateVerdict, reason: impl Into<String>) -> Self {
        Self {
            gate: GateName::built_in(gate),
            verdict,
            reason: reason.into(),
            remedy: None,
            opens_at: None,
            evidence: Vec::new(),
        }
    }

    pub(super) fn passed(gate: &'static str, reason: impl Into<String>) -> Self {
        Self::new(gate, GateVerdict::Passed, reason)
    }

    pub(super) fn failed(gate: &'static str, reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..Self::new(gate, GateVerdict::Failed, reason)
        }
    }

    pub(super) fn waiting(gate: &'static str, reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..Self::new(gate, GateVerdict::Waiting, reason)
        }
    }

    pub(super) fn on(mut self, evidence: Vec<Digest>) -> Self {
        self.evidence = evidence;
        self
    }
}
