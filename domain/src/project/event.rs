//! What happens to projects.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access::ProjectRole;
use crate::{ProjectSlug, Subject};

/// What happened to a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
pub enum ProjectEvent {
    /// The project was created. Its owner is its first member, with the role of an owner.
    ProjectCreated {
        /// Its slug.
        slug: ProjectSlug,
        /// Its name for people.
        name: String,
        /// What it is for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        /// Who answers for it.
        owner: Subject,
    },
    /// Somebody got a role.
    RoleGranted {
        /// Who.
        member: Subject,
        /// Which.
        role: ProjectRole,
    },
    /// Somebody lost a role.
    RoleRevoked {
        /// Who.
        member: Subject,
        /// Which.
        role: ProjectRole,
    },
}
