//! The rules of a policy, and those that come along.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ApprovalRule, ApproverRole, FreezeWindow, GateName};
use crate::release::Digest;
use crate::{DomainError, Environment};

/// Longest source of a custom gate, in bytes.
const LONGEST_REGO: usize = 64 * 1024;

/// A gate written in Rego, over the same input as the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CustomGate {
    /// The gate is called `custom:<name>`; 1 to 40 of a-z, 0-9, `-`.
    pub name: String,
    /// The module. It is in `package opstella.gate` and defines `deny`, a set of reasons: empty means passed.
    pub rego: String,
}

/// What a release needs to come into an environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PolicyRules {
    /// SonarQube's quality gate is passed.
    pub quality_gate: bool,
    /// A report on tests is there, and none failed.
    pub tests: bool,
    /// A bill of materials is there.
    pub sbom: bool,
    /// An image scan is there, with at most so many critical vulnerabilities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_critical: Option<u32>,
    /// An image scan is there, with at most so many high vulnerabilities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_high: Option<u32>,
    /// The environment before runs the release, and it is healthy there.
    pub healthy_before: bool,
    /// A dynamic scan of this environment is there, without a high alert.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dynamic_scan: Option<Environment>,
    /// Of two policies together: the environments of which another scan is asked for as well.
    #[serde(skip_deserializing, skip_serializing_if = "BTreeSet::is_empty")]
    pub also_scanned: BTreeSet<Environment>,
    /// No report of any kind has a critical finding.
    pub no_open_critical: bool,
    /// The environment before has run the release for so many minutes.
    pub soak_minutes: u32,
    /// Who has to approve.
    pub approvals: Vec<ApprovalRule>,
    /// Who wrote what is in the release does not approve it.
    pub independent_approvers: bool,
    /// The promotion names a change of the company's change management.
    pub change_reference: bool,
    /// How many people have to approve a rollback, in the roles of that rule in `approvals` which asks for most people:
    /// where several do, of each.
    pub rollback_approvals: u8,
    /// When nothing goes in.
    pub freezes: Vec<FreezeWindow>,
    /// Gates written in Rego.
    pub custom: Vec<CustomGate>,
}

impl PolicyRules {
    /// The rules of an environment whose policy nobody has set. Each asks for all that the one before it does, approvals
    /// included.
    pub fn default_for(environment: Environment) -> Self {
        use ApproverRole::{Approver, Owner, Security, Tester};
        let also = |before: &Self, rule| [before.approvals.as_slice(), &[rule]].concat();
        let sit = Self {
            quality_gate: true,
            max_critical: Some(0),
            ..Self::default()
        };
        let uat = Self {
            healthy_before: true,
            approvals: vec![ApprovalRule::of(&[Tester], 1)],
            ..sit.clone()
        };
        let pre = Self {
            dynamic_scan: Some(Environment::Uat),
            no_open_critical: true,
            approvals: also(&uat, ApprovalRule::of(&[Security], 1)),
            ..uat.clone()
        };
        match environment {
            Environment::Dev => Self::default(),
            Environment::Sit => sit,
            Environment::Uat => uat,
            Environment::Pre => pre,
            Environment::Prd => Self {
                soak_minutes: 24 * 60,
                approvals: also(&pre, ApprovalRule::of(&[Approver, Owner, Security], 2)),
                independent_approvers: true,
                change_reference: true,
                rollback_approvals: 1,
                ..pre
            },
        }
    }

    /// What of the rules counts for going back to a release that was there before. Those who say that a release is fit
    /// have said so when it came; those of whom most are asked say whether to go. Of two policies, see
    /// [`Policy::effective_for_rollback`](super::Policy::effective_for_rollback).
    #[must_use]
    pub fn for_rollback(&self) -> Self {
        let most = self.approvals.iter().map(|rule| rule.people).max();
        let asked = |rule: &&ApprovalRule| self.rollback_approvals > 0 && Some(rule.people) == most;
        let rules = self.approvals.iter().filter(asked);
        let approvals = rules.map(|rule| ApprovalRule {
            roles: rule.roles.clone(),
            people: self.rollback_approvals,
        });
        Self {
            approvals: approvals.collect(),
            ..Self::default()
        }
    }

    /// The digest of the module of a gate in Rego: of both modules, where two policies together have two of one name. None
    /// where the rules have no such gate.
    pub fn module(&self, gate: &GateName) -> Option<Digest> {
        let named = |custom: &&CustomGate| GateName::custom(&custom.name) == *gate;
        let modules: Vec<&str> = self
            .custom
            .iter()
            .filter(named)
            .map(|c| c.rego.as_str())
            .collect();
        (!modules.is_empty()).then(|| Digest::of(modules.join("\0").as_bytes()))
    }

    /// Checks limits that types do not hold.
    ///
    /// # Errors
    /// [`DomainError::Invalid`], naming the field.
    pub fn check(&self) -> Result<(), DomainError> {
        let invalid = |field: String, rule: &str| Err(DomainError::invalid(field, rule));
        if self.soak_minutes > 60 * 24 * 60 {
            return invalid("soak_minutes".into(), "at most 86400 (60 days)");
        }
        if self.approvals.len() > 8 || self.freezes.len() > 100 || self.custom.len() > 20 {
            return invalid(
                "rules".into(),
                "at most 8 approval rules, 100 freezes and 20 custom gates",
            );
        }
        if self.rollback_approvals > 5 {
            return invalid("rollback_approvals".into(), "0 to 5");
        }
        if self.rollback_approvals > 0 && self.approvals.is_empty() {
            let rule = "0 where `approvals` has no rule: those say in which roles";
            return invalid("rollback_approvals".into(), rule);
        }
        for (index, rule) in self.approvals.iter().enumerate() {
            if rule.roles.is_empty() || !(1..=5).contains(&rule.people) {
                return invalid(
                    format!("approvals[{index}]"),
                    "at least one role, and 1 to 5 people",
                );
            }
        }
        for (index, window) in self.freezes.iter().enumerate() {
            window.check(&format!("freezes[{index}]"))?;
        }
        for (index, gate) in self.custom.iter().enumerate() {
            let name = format!("custom:{}", gate.name);
            if name.parse::<super::GateName>().is_err() {
                return invalid(format!("custom[{index}].name"), "1 to 40 of a-z, 0-9, `-`");
            }
            if self
                .custom
                .iter()
                .take(index)
                .any(|other| other.name == gate.name)
            {
                return invalid(format!("custom[{index}].name"), "each name once");
            }
            if gate.rego.is_empty() || gate.rego.len() > LONGEST_REGO {
                return invalid(format!("custom[{index}].rego"), "1 to 65536 bytes");
            }
        }
        Ok(())
    }
}
