//! Waivers: a gate that is passed over for one release, for a while.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Digest;
use crate::policy::GateName;
use crate::values::uuid_value;
use crate::{DomainError, Subject};

/// Longest time that a waiver may count, in days.
pub const LONGEST_WAIVER_DAYS: i64 = 90;
/// Longest name of a finding, in characters.
const LONGEST_FINDING: usize = 120;

/// One waiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct WaiverId(pub Uuid);

uuid_value!(WaiverId, "waiver id");

/// A gate, or one finding of it, that is passed over for one release until it expires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Waiver {
    /// Its id.
    pub id: WaiverId,
    /// Which gate.
    pub gate: GateName,
    /// Only this finding of it (`CVE-2026-1234`); the whole gate where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<String>,
    /// Why.
    pub reason: String,
    /// Who granted it.
    pub by: Subject,
    /// Until when it counts.
    pub expires_at: DateTime<Utc>,
    /// Of a gate in Rego: the modules that it had when this was granted, one in each environment that had another one. For
    /// what it is replaced by later, this does not count. Empty for other gates, and where it was not recorded.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub modules: BTreeSet<Digest>,
}

impl Waiver {
    /// Whether it counts at an instant.
    pub fn counts(&self, at: DateTime<Utc>) -> bool {
        at < self.expires_at
    }

    /// Whether it was granted for a gate of this module; none for a gate that comes along.
    pub fn is_of(&self, module: Option<&Digest>) -> bool {
        self.modules.is_empty() || module.is_some_and(|module| self.modules.contains(module))
    }

    /// Who waived what, until when, and why.
    pub(crate) fn text(&self) -> String {
        let until = self.expires_at.format("%Y-%m-%d %H:%M UTC");
        let what = self.finding.as_ref().map(|finding| format!("{finding} is "));
        let what = what.unwrap_or_default();
        format!("{what}waived by {} until {until}: {}", self.by, self.reason)
    }

    pub(super) fn check(&self, at: DateTime<Utc>) -> Result<(), DomainError> {
        crate::reason::check("reason", &self.reason)?;
        if !self.gate.may_be_waived() {
            let rule = "approvals, the freeze and the change reference cannot be waived; the freeze has its own override";
            return Err(DomainError::invalid("gate", rule));
        }
        let named =
            |finding: &String| !finding.trim().is_empty() && finding.chars().count() <= LONGEST_FINDING;
        if self.finding.as_ref().is_some_and(|finding| !named(finding)) {
            let rule = format!("1 to {LONGEST_FINDING} characters");
            return Err(DomainError::invalid("finding", rule));
        }
        if self.expires_at <= at || self.expires_at - at > TimeDelta::days(LONGEST_WAIVER_DAYS) {
            let rule = format!("in the future, at most {LONGEST_WAIVER_DAYS} days from now");
            return Err(DomainError::invalid("expires_at", rule));
        }
        Ok(())
    }
}
