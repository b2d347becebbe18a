//! Members of projects.

use opstella_domain::access::ProjectRole;
use opstella_domain::project::{Project, ProjectCommand};
use opstella_domain::{ProjectSlug, Subject};

use crate::catalog::decide_one;
use crate::{Accepted, CommandContext, CommandError, Commands};

/// A role of somebody in a project: what `GrantRole` and `RevokeRole` are about.
#[derive(Debug, Clone)]
pub struct MemberRole {
    /// In which project.
    pub project: ProjectSlug,
    /// Whose.
    pub member: Subject,
    /// Which.
    pub role: ProjectRole,
}

impl Commands {
    /// Gives somebody a role in a project. The same again changes nothing.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn grant_role(
        &self,
        context: &CommandContext,
        request: MemberRole,
    ) -> Result<Accepted, CommandError> {
        let MemberRole {
            project,
            member,
            role,
        } = request;
        let slug = project.clone();
        let command = ProjectCommand::GrantRole { slug, member, role };
        self.change_members(context, project, command).await
    }

    /// Takes a role in a project from somebody.
    ///
    /// # Errors
    /// [`CommandError`]; `WrongState` where it is the last owner, `NotFound` where the role is not held.
    pub async fn revoke_role(
        &self,
        context: &CommandContext,
        request: MemberRole,
    ) -> Result<Accepted, CommandError> {
        let MemberRole {
            project,
            member,
            role,
        } = request;
        let slug = project.clone();
        let command = ProjectCommand::RevokeRole { slug, member, role };
        self.change_members(context, project, command).await
    }

    async fn change_members(
        &self,
        context: &CommandContext,
        project: ProjectSlug,
        command: ProjectCommand,
    ) -> Result<Accepted, CommandError> {
        let (project, command) = (&project, &command);
        let decide = || async move {
            let loaded = self.load_expected::<Project>(project.as_str(), context).await?;
            decide_one(&loaded, command.clone(), format!("/projects/{project}/members"))
        };
        self.carry_out(command.name(), context, Some(project), decide)
            .await
    }
}
