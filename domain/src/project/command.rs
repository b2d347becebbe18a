//! What can be asked of a project.

use crate::access::ProjectRole;
use crate::{ProjectSlug, Subject};

/// What can be asked of a project.
#[derive(Debug, Clone)]
pub enum ProjectCommand {
    /// `CreateProject`.
    Create {
        /// Its slug.
        slug: ProjectSlug,
        /// Its name for people.
        name: String,
        /// What it is for.
        description: Option<String>,
        /// Who answers for it: its first owner.
        owner: Subject,
    },
    /// `GrantRole`. A role that is held already is no change.
    GrantRole {
        /// Which project.
        slug: ProjectSlug,
        /// To whom.
        member: Subject,
        /// Which role.
        role: ProjectRole,
    },
    /// `RevokeRole`. Who has no role left is no member.
    RevokeRole {
        /// Which project.
        slug: ProjectSlug,
        /// From whom.
        member: Subject,
        /// Which role.
        role: ProjectRole,
    },
}

impl ProjectCommand {
    /// The command's name, as in the API and in the audit log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create { .. } => "CreateProject",
            Self::GrantRole { .. } => "GrantRole",
            Self::RevokeRole { .. } => "RevokeRole",
        }
    }
}
