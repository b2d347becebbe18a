//! Whether a caller may do something.

use async_trait::async_trait;
use opstella_domain::ProjectSlug;
use opstella_domain::access::{Role, Roles, Scope, table};
use opstella_domain::project::Project;
use opstella_journal::{Journal, JournalError};
use serde::Deserialize;

use crate::CommandContext;

/// Why not.
#[derive(Debug, Clone)]
pub enum Denied {
    /// The caller lacks every role that the operation takes.
    Forbidden,
    /// The caller may not even know that the project is there.
    Hidden,
    /// It could not be found out.
    Journal(JournalError),
}

/// Where the members of a project are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// In the warm cache, which is a moment behind other processes.
    Cached,
    /// In the table.
    Fresh,
}

/// Who may make projects: `access.create_project`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CreateProjects {
    /// Every person who signed in, auditors excepted; whoever is named as owner answers for it.
    #[default]
    Anyone,
    /// Platform admins.
    PlatformAdmin,
}

/// Says whether a caller may do something.
#[async_trait]
pub trait Authoriser: Send + Sync {
    /// Whether the operation is allowed, in a project where it is about one.
    ///
    /// # Errors
    /// [`Denied`].
    async fn authorise(
        &self,
        journal: &Journal,
        context: &CommandContext,
        operation: &str,
        project: Option<&ProjectSlug>,
        look: Look,
    ) -> Result<(), Denied>;
}

/// By the domain's table, the token's roles and the project's members.
#[derive(Debug, Clone, Copy, Default)]
pub struct RoleAuthoriser {
    /// Who may make projects.
    pub create_project: CreateProjects,
}

#[async_trait]
impl Authoriser for RoleAuthoriser {
    async fn authorise(
        &self,
        journal: &Journal,
        context: &CommandContext,
        operation: &str,
        project: Option<&ProjectSlug>,
        look: Look,
    ) -> Result<(), Denied> {
        if context.grants.is_internal() {
            return Ok(());
        }
        let Some(rule) = table::rule(operation) else {
            tracing::error!(operation, "the table of permissions has no row of this operation");
            return Err(Denied::Forbidden);
        };
        let mut needed = rule.needed(project.is_some());
        if operation == "CreateProject" && self.create_project == CreateProjects::PlatformAdmin {
            needed = needed.without(Role::Person);
        }
        if is_closed_to(context, operation) {
            needed = Roles::NONE;
        }
        if rule.scope == Scope::Open || context.grants.everywhere().meets(needed) {
            return Ok(());
        }
        let held = match project {
            Some(project) => roles(journal, context, project, look)
                .await
                .map_err(Denied::Journal)?,
            // What tells of many projects is filtered, project by project.
            None if rule.scope == Scope::Each => return Ok(()),
            None => Roles::NONE,
        };
        match project {
            _ if held.meets(needed) => Ok(()),
            Some(_) if !table::reads(held) => Err(Denied::Hidden),
            _ => Err(Denied::Forbidden),
        }
    }
}

/// Whether an operation takes a person, and the caller is a machine.
pub(super) fn is_closed_to(context: &CommandContext, operation: &str) -> bool {
    context.grants.is_machine() && table::takes_a_person(operation)
}

/// All roles of a caller in a project.
pub(super) async fn roles(
    journal: &Journal,
    context: &CommandContext,
    project: &ProjectSlug,
    look: Look,
) -> Result<Roles, JournalError> {
    let by_token = context.grants.in_project(project);
    if !context.grants.counts_membership() {
        return Ok(by_token);
    }
    let loaded = match look {
        Look::Cached => journal.load::<Project>(project.as_str()).await,
        Look::Fresh => journal.load_fresh::<Project>(project.as_str()).await,
    }?;
    Ok(by_token.and(loaded.state.roles_of(&context.actor.subject)))
}

/// Lets every authenticated actor do everything: for tests and benchmarks of what has nothing to do with roles.
#[derive(Debug, Clone, Copy, Default)]
pub struct Authenticated;

#[async_trait]
impl Authoriser for Authenticated {
    async fn authorise(
        &self,
        _: &Journal,
        context: &CommandContext,
        _: &str,
        _: Option<&ProjectSlug>,
        _: Look,
    ) -> Result<(), Denied> {
        if context.actor.subject.is_empty() {
            return Err(Denied::Forbidden);
        }
        Ok(())
    }
}
