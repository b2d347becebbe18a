//! Roles, and sets of them.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{EnumIter, IntoEnumIterator, IntoStaticStr};

use crate::InvalidValue;

/// What somebody is, in the platform or in a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Role {
    /// Runs the platform.
    PlatformAdmin,
    /// Answers for security in all projects.
    Security,
    /// Reads everything and changes nothing.
    Auditor,
    /// Answers for a project.
    Owner,
    /// Builds a project's services.
    Developer,
    /// Says whether a release is fit.
    Tester,
    /// Says whether a release may go on.
    Approver,
    /// Looks at a project.
    Viewer,
    /// A machine that builds a project's releases.
    Ci,
    /// Any person who signed in, auditors excepted: they change nothing. Never a machine.
    Person,
}

impl Role {
    /// Every role.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::iter()
    }

    /// The name in tokens, in the API and in events: `platform-admin`.
    pub fn slug(self) -> &'static str {
        self.into()
    }

    /// Whether it is held in the whole platform, rather than in a project.
    pub fn is_global(self) -> bool {
        matches!(self, Self::PlatformAdmin | Self::Security | Self::Auditor)
    }

    /// The global role of that name.
    pub fn global(name: &str) -> Option<Self> {
        Self::iter().find(|role| role.is_global() && role.slug() == name)
    }

    const fn bit(self) -> u16 {
        1 << (self as u16)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

/// A role that a member of a project can have.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    EnumIter,
    IntoStaticStr,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum ProjectRole {
    /// Answers for the project.
    Owner,
    /// Builds its services.
    Developer,
    /// Says whether a release is fit.
    Tester,
    /// Says whether a release may go on.
    Approver,
    /// Looks at it.
    Viewer,
}

impl ProjectRole {
    /// Every role.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::iter()
    }

    /// The name in tokens, in the API and in events: `owner`.
    pub fn slug(self) -> &'static str {
        self.into()
    }
}

impl fmt::Display for ProjectRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

impl FromStr for ProjectRole {
    type Err = InvalidValue;
    fn from_str(value: &str) -> Result<Self, InvalidValue> {
        Self::iter().find(|role| role.slug() == value).ok_or_else(|| {
            InvalidValue::new("role", value, "one of owner, developer, tester, approver, viewer")
        })
    }
}

impl From<ProjectRole> for Role {
    fn from(role: ProjectRole) -> Self {
        match role {
            ProjectRole::Owner => Self::Owner,
            ProjectRole::Developer => Self::Developer,
            ProjectRole::Tester => Self::Tester,
            ProjectRole::Approver => Self::Approver,
            ProjectRole::Viewer => Self::Viewer,
        }
    }
}

/// A set of roles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Roles(u16);

impl Roles {
    /// No role.
    pub const NONE: Self = Self(0);

    /// These roles.
    pub const fn of(roles: &[Role]) -> Self {
        let (mut bits, mut rest) = (0, roles);
        while let [role, others @ ..] = rest {
            bits |= role.bit();
            rest = others;
        }
        Self(bits)
    }

    /// The roles of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These without that one.
    #[must_use]
    pub const fn without(self, role: Role) -> Self {
        Self(self.0 & !role.bit())
    }

    /// Whether the role is among them.
    pub const fn has(self, role: Role) -> bool {
        self.0 & role.bit() != 0
    }

    /// Whether a role is in both.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::all().filter(move |role| self.has(*role))
    }
}

impl<T: Into<Role>> FromIterator<T> for Roles {
    fn from_iter<I: IntoIterator<Item = T>>(roles: I) -> Self {
        roles
            .into_iter()
            .fold(Self::NONE, |all, role| all.and(Self::of(&[role.into()])))
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Role::slug).collect();
        f.write_str(&names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_in() {
        let set = Roles::of(&[Role::Owner, Role::Person]);
        assert_eq!(set.iter().collect::<Vec<_>>(), [Role::Owner, Role::Person]);
        assert!(set.meets(Roles::of(&[Role::Person, Role::Ci])));
        assert!(!set.meets(Roles::of(&[Role::Ci])));
        assert_eq!(set.without(Role::Person).to_string(), "owner");
        assert_eq!(Roles::from_iter(Role::all()).iter().count(), Role::all().count());
    }

    #[test]
    fn names_lead_back() {
        for role in ProjectRole::all() {
            assert_eq!(role.slug().parse(), Ok(role));
            assert_eq!(role.slug(), Role::from(role).slug());
            assert_eq!(Role::global(role.slug()), None);
        }
        assert!("Owner".parse::<ProjectRole>().is_err());
        assert_eq!(Role::global("platform-admin"), Some(Role::PlatformAdmin));
        assert_eq!(Role::global("ci"), None);
    }
}
