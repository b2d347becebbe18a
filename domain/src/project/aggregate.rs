//! The project as an aggregate.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{ProjectCommand, ProjectEvent};
use crate::access::{ProjectRole, Roles};
use crate::decide::aggregate;
use crate::{Decide, DomainError, ProjectSlug, Subject};

/// Most members of a project.
pub const MOST_MEMBERS: usize = 1000;

/// The aggregate; its stream's id is the slug.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Project {
    /// Who answers for it, once it exists.
    pub owner: Option<Subject>,
    /// Who has which roles. Nobody is in here without one, and there is always an owner.
    pub members: BTreeMap<Subject, BTreeSet<ProjectRole>>,
}

impl Project {
    /// The roles of a subject in this project.
    pub fn roles_of(&self, subject: &str) -> Roles {
        self.members
            .get(subject)
            .map(|held| held.iter().copied().collect())
            .unwrap_or_default()
    }

    fn holds(&self, member: &Subject, role: ProjectRole) -> bool {
        self.members.get(member).is_some_and(|held| held.contains(&role))
    }

    fn owners(&self) -> usize {
        let owner = |held: &&BTreeSet<_>| held.contains(&ProjectRole::Owner);
        self.members.values().filter(owner).count()
    }

    fn create(
        &self,
        slug: ProjectSlug,
        name: String,
        description: Option<String>,
        owner: Subject,
    ) -> Result<ProjectEvent, DomainError> {
        if self.owner.is_some() {
            return Err(DomainError::AlreadyExists {
                kind: "project",
                id: slug.to_string(),
            });
        }
        let printable = |text: &str| !text.chars().any(char::is_control);
        if name.trim().is_empty() || name.chars().count() > 100 || !printable(&name) {
            return Err(DomainError::invalid("name", "1 to 100 printable characters"));
        }
        if description.as_deref().is_some_and(|d| d.chars().count() > 1000) {
            return Err(DomainError::invalid("description", "at most 1000 characters"));
        }
        Ok(ProjectEvent::ProjectCreated {
            slug,
            name,
            description,
            owner,
        })
    }

    fn grant(&self, member: Subject, role: ProjectRole) -> Result<Option<ProjectEvent>, DomainError> {
        if self.holds(&member, role) {
            return Ok(None);
        }
        if !self.members.contains_key(&member) && self.members.len() >= MOST_MEMBERS {
            let rule =
                format!("a project has at most {MOST_MEMBERS} members; give roles by groups of the token");
            return Err(DomainError::invalid("member", rule));
        }
        Ok(Some(ProjectEvent::RoleGranted { member, role }))
    }

    fn revoke(
        &self,
        slug: &ProjectSlug,
        member: Subject,
        role: ProjectRole,
    ) -> Result<ProjectEvent, DomainError> {
        if !self.holds(&member, role) {
            return Err(DomainError::NotFound {
                kind: "member",
                id: format!("{slug}/{member} ({role})"),
            });
        }
        if role == ProjectRole::Owner && self.owners() == 1 {
            return Err(DomainError::WrongState {
                kind: "project",
                id: slug.to_string(),
                state: format!("owned by {member} alone"),
                command: "RevokeRole",
                accepts: vec!["GrantRole"],
            });
        }
        Ok(ProjectEvent::RoleRevoked { member, role })
    }

    fn exists(&self, slug: &ProjectSlug) -> Result<(), DomainError> {
        match self.owner {
            Some(_) => Ok(()),
            None => Err(DomainError::NotFound {
                kind: "project",
                id: slug.to_string(),
            }),
        }
    }
}

impl Decide for Project {
    const TYPE: &'static str = "Project";
    type Command = ProjectCommand;
    type Event = ProjectEvent;

    fn decide(&self, command: ProjectCommand) -> Result<Vec<ProjectEvent>, DomainError> {
        match command {
            ProjectCommand::Create {
                slug,
                name,
                description,
                owner,
            } => Ok(vec![self.create(slug, name, description, owner)?]),
            ProjectCommand::GrantRole { slug, member, role } => {
                self.exists(&slug)?;
                Ok(self.grant(member, role)?.into_iter().collect())
            }
            ProjectCommand::RevokeRole { slug, member, role } => {
                self.exists(&slug)?;
                Ok(vec![self.revoke(&slug, member, role)?])
            }
        }
    }

    fn evolve(&mut self, event: ProjectEvent) {
        match event {
            ProjectEvent::ProjectCreated { owner, .. } => {
                self.members
                    .entry(owner.clone())
                    .or_default()
                    .insert(ProjectRole::Owner);
                self.owner = Some(owner);
            }
            ProjectEvent::RoleGranted { member, role } => {
                self.members.entry(member).or_default().insert(role);
            }
            ProjectEvent::RoleRevoked { member, role } => {
                if let Some(held) = self.members.get_mut(&member) {
                    held.remove(&role);
                    if held.is_empty() {
                        self.members.remove(&member);
                    }
                }
            }
        }
    }
}

aggregate!(Project, ProjectEvent);
