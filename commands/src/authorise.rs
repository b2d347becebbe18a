//! Who may do what. The seam for roles: every command names the permission that it needs.

use opstella_domain::ProjectSlug;
use opstella_journal::Actor;

use crate::CommandError;

/// What a command needs to be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::EnumIter)]
#[strum(serialize_all = "kebab-case")]
pub enum Permission {
    /// Make projects.
    CreateProject,
    /// Make, change and remove services.
    ManageServices,
    /// Register templates.
    RegisterTemplate,
    /// Connect tools.
    ConnectTool,
    /// Retry, skip, cancel and abandon runs.
    OperateRuns,
}

/// Says whether an actor holds a permission, in a project where the permission is a project's.
pub trait Authoriser: Send + Sync {
    /// # Errors
    /// [`CommandError::Forbidden`], naming the permission.
    fn authorise(
        &self,
        actor: &Actor,
        permission: Permission,
        project: Option<&ProjectSlug>,
    ) -> Result<(), CommandError>;
}

/// Lets every authenticated actor do everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Authenticated;

impl Authoriser for Authenticated {
    fn authorise(
        &self,
        actor: &Actor,
        permission: Permission,
        _: Option<&ProjectSlug>,
    ) -> Result<(), CommandError> {
        if actor.subject.is_empty() {
            return Err(CommandError::Forbidden {
                permission: permission.into(),
            });
        }
        Ok(())
    }
}
