//! The question whether a caller may do something, as commands and the API ask it.

use opstella_domain::access::{Role, Roles, table};
use opstella_domain::{DomainError, ProjectSlug};

use super::authorise::roles;
use super::{Denied, Look};
use crate::{CommandContext, CommandError, Commands};

impl Commands {
    /// Refuses an operation that the caller may not do, and records that.
    ///
    /// # Errors
    /// [`CommandError::Forbidden`]; `NotFound` of the project where the caller may not know whether it is there.
    pub async fn permit(
        &self,
        context: &CommandContext,
        operation: &'static str,
        project: Option<&ProjectSlug>,
    ) -> Result<(), CommandError> {
        let ask = |look| {
            self.authoriser
                .authorise(&self.journal, context, operation, project, look)
        };
        let denied = match ask(Look::Cached).await {
            Ok(()) => return Ok(()),
            // Another process may just have granted a role.
            Err(Denied::Forbidden | Denied::Hidden) if project.is_some() => match ask(Look::Fresh).await {
                Ok(()) => return Ok(()),
                Err(denied) => denied,
            },
            Err(denied) => denied,
        };
        let hidden = match denied {
            Denied::Journal(error) => return Err(error.into()),
            Denied::Hidden => true,
            Denied::Forbidden => false,
        };
        if let Some(denials) = &self.denials {
            denials.record(context, operation, project, hidden);
        }
        match project {
            Some(project) if hidden => Err(DomainError::NotFound {
                kind: "project",
                id: project.to_string(),
            }
            .into()),
            _ => Err(CommandError::Forbidden {
                operation,
                roles: match table::rule(operation) {
                    _ if super::authorise::is_closed_to(context, operation) => Roles::of(&[Role::Person]),
                    Some(rule) => rule.needed(project.is_some()),
                    None => Roles::NONE,
                },
            }),
        }
    }

    /// Records that a caller who has the role was refused for who they are.
    pub(crate) fn record_denial(
        &self,
        context: &CommandContext,
        operation: &'static str,
        project: &ProjectSlug,
    ) {
        if let Some(denials) = &self.denials {
            denials.record(context, operation, Some(project), false);
        }
    }

    /// The roles of the caller in a project, as the table has them now.
    ///
    /// # Errors
    /// [`CommandError::Journal`] where they could not be found out.
    pub(crate) async fn roles_in(
        &self,
        context: &CommandContext,
        project: &ProjectSlug,
    ) -> Result<Roles, CommandError> {
        Ok(roles(&self.journal, context, project, Look::Fresh).await?)
    }

    /// Whether the caller may read a project, as far as this process knows now. Nothing is recorded: for lists and streams,
    /// which pass over what their reader may not see.
    ///
    /// # Errors
    /// [`CommandError::Journal`] where it could not be found out.
    pub async fn may_read(
        &self,
        context: &CommandContext,
        project: &ProjectSlug,
    ) -> Result<bool, CommandError> {
        self.may(context, "GetProject", project).await
    }

    /// The same of what takes a certain query.
    ///
    /// # Errors
    /// [`CommandError::Journal`] where it could not be found out.
    pub async fn may(
        &self,
        context: &CommandContext,
        query: &'static str,
        project: &ProjectSlug,
    ) -> Result<bool, CommandError> {
        let answer = self
            .authoriser
            .authorise(&self.journal, context, query, Some(project), Look::Cached)
            .await;
        match answer {
            Ok(()) => Ok(true),
            Err(Denied::Journal(error)) => Err(error.into()),
            Err(Denied::Forbidden | Denied::Hidden) => Ok(false),
        }
    }
}
