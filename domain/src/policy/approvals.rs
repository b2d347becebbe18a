//! Approvals: who has to say yes, and who did.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::EnumIter;
use uuid::Uuid;

use super::{GateName, GateResult};
use crate::Subject;

/// A role in which somebody approves.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum ApproverRole {
    /// A tester of the project.
    Tester,
    /// An approver of the project.
    Approver,
    /// An owner of the project.
    Owner,
    /// The platform's security people.
    Security,
}

impl ApproverRole {
    fn word(self) -> &'static str {
        match self {
            Self::Tester => "tester",
            Self::Approver => "approver",
            Self::Owner => "owner",
            Self::Security => "security",
        }
    }
}

/// So many different people in one of these roles have to approve.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalRule {
    /// In one of these roles.
    pub roles: BTreeSet<ApproverRole>,
    /// How many people, 1 to 5.
    pub people: u8,
}

impl ApprovalRule {
    pub(super) fn of(roles: &[ApproverRole], people: u8) -> Self {
        Self {
            roles: roles.iter().copied().collect(),
            people,
        }
    }

    fn text(&self) -> String {
        let roles: Vec<_> = self.roles.iter().map(|role| role.word()).collect();
        format!("{} by {}", self.people, roles.join(" or "))
    }
}

/// Somebody's yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Approval {
    /// Whose.
    pub by: Subject,
    /// The name that people and other tools know them by, as their token had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// In which roles.
    pub roles: BTreeSet<ApproverRole>,
    /// Those of the roles that their token gave. Whether somebody is still a member is known; what the issuer takes
    /// back is told by their next token alone.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub by_token: BTreeSet<ApproverRole>,
    /// When.
    pub at: DateTime<Utc>,
    /// In whose own words, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

impl Approval {
    /// Whether it is one of these people's: CI knows those who push by the names that they have in GitLab. GitLab keeps
    /// the case of names, other tools do not, and none has two that differ in it alone.
    pub fn is_of(&self, people: &BTreeSet<Subject>) -> bool {
        let known_as = |name: &str| {
            let name = name.to_lowercase();
            people.iter().any(|person| person.as_str().to_lowercase() == name)
        };
        known_as(self.by.as_str()) || self.name.as_deref().is_some_and(known_as)
    }

    /// Whether it can be told that it is none of these people's: by a name, unless they are all known by ids.
    pub fn is_comparable_to(&self, people: &BTreeSet<Subject>) -> bool {
        is_name(self.name.as_deref()) || known_by_ids(people)
    }

    /// What of it counts now that its giver holds these roles as a member; none where they hold none of its roles.
    #[must_use]
    pub fn standing(&self, member: &BTreeSet<ApproverRole>) -> Option<Self> {
        let holds = |role: &&ApproverRole| self.by_token.contains(role) || member.contains(role);
        let roles: BTreeSet<_> = self.roles.iter().filter(holds).copied().collect();
        (!roles.is_empty()).then(|| Self {
            roles,
            ..self.clone()
        })
    }
}

/// Whether a token's name names anybody.
pub fn is_name(name: Option<&str>) -> bool {
    name.is_some_and(|name| !name.trim().is_empty())
}

/// Whether all of these people are known by ids: somebody without a name can be told from them.
pub fn known_by_ids(people: &BTreeSet<Subject>) -> bool {
    people
        .iter()
        .all(|person| Uuid::parse_str(person.as_str()).is_ok())
}

/// The gate of the approvals; none where nobody has to approve. Each person counts once for each rule.
/// `independent`: whether those who wrote what is in the release are not among the approvals; it is said to people.
pub fn approval_gate(
    rules: &[ApprovalRule],
    approvals: &[Approval],
    independent: bool,
) -> Option<GateResult> {
    if rules.is_empty() {
        return None;
    }
    let fits = |approval: &Approval, rule: &ApprovalRule| !approval.roles.is_disjoint(&rule.roles);
    let given = |rule: &ApprovalRule| {
        let people = approvals.iter().filter(|approval| fits(approval, rule));
        people.map(|approval| &approval.by).collect::<BTreeSet<_>>().len()
    };
    let missing: Vec<String> = rules
        .iter()
        .filter(|rule| given(rule) < usize::from(rule.people))
        .map(|rule| format!("{} (there are {})", rule.text(), given(rule)))
        .collect();
    let gate = GateName::APPROVALS;
    if missing.is_empty() {
        let counts = |approval: &&Approval| rules.iter().any(|rule| fits(approval, rule));
        let who: Vec<_> = approvals.iter().filter(counts).map(|a| a.by.as_str()).collect();
        return Some(GateResult::passed(
            gate,
            format!("approved by {}", who.join(", ")),
        ));
    }
    let reason = format!("approvals are missing: {}", missing.join("; "));
    let remedy = match independent {
        true => {
            "somebody in such a role approves, who neither asked for the promotion nor wrote what is in the release"
        }
        false => "somebody in such a role approves, who did not ask for the promotion",
    };
    Some(GateResult::waiting(gate, reason, remedy))
}
