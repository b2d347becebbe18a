//! Registering the templates that come with Opstella, at start.

use opstella_adapters::builtin::{self, BuiltinError};
use opstella_commands::{CommandContext, CommandError, Commands, RegisterTemplate};
use opstella_domain::DomainError;
use thiserror::Error;

/// Why the built-in templates could not be registered.
#[derive(Debug, Error)]
pub enum SeedError {
    /// A mistake in `templates/` when this program was built.
    #[error(transparent)]
    Builtin(#[from] BuiltinError),
    /// A command that failed.
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// Registers the templates that come with Opstella. Versions that are there stay as they are: a version never changes.
///
/// # Errors
/// [`SeedError`].
pub async fn templates(commands: &Commands) -> Result<(), SeedError> {
    let context = CommandContext::system("templates", uuid::Uuid::now_v7().to_string());
    for builtin in builtin::templates()? {
        let template = builtin.template.clone();
        let request = RegisterTemplate {
            template: builtin.template,
            description: builtin.description,
            files: builtin.files,
        };
        match commands.register_template(&context, request).await {
            Ok(_) => {}
            Err(CommandError::Domain(error)) if matches!(*error, DomainError::AlreadyExists { .. }) => {
                tracing::warn!(
                    %template,
                    "a version of this template with other files is registered already and stays; this program's comes \
                     with a new version only"
                )
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
