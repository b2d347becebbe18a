//! Argo CD: the AppProject that a project's services share, and the Application of a component in an environment.
//!
//! Both carry labels and annotations, so the mark is in the creating call. What is brought up to date is ours alone:
//! repositories and destinations that people added to a project stay, as do their own settings of an application.

mod application;
mod client;
mod ensure;
mod merge;
mod object;
mod project;
mod remove;

use std::time::Duration;

use async_trait::async_trait;
use opstella_domain::Tool;
use opstella_domain::operation::Operation;
use opstella_domain::resource::StepOutcome;
use opstella_domain::tool_connection::Connection;
use secrecy::SecretString;

use crate::http::{Credential, ToolHttp};
use crate::{Health, Removed, StepContext, StepError, ToolAdapter};

/// How long a removal waits for Argo CD to delete an application's workloads before the step is tried again.
const PATIENCE: Duration = Duration::from_secs(20);

/// One connected Argo CD. Cheap to clone.
#[derive(Clone)]
pub struct ArgoCd {
    http: ToolHttp,
    patience: Duration,
}

impl ArgoCd {
    /// The adapter of a connection; the credential is the token of an account with `apiKey`.
    ///
    /// # Errors
    /// [`StepError::Permanent`] where no TLS client can be made.
    pub fn connect(connection: &Connection, credential: SecretString) -> Result<Self, StepError> {
        let bearer = Credential::Bearer(credential);
        Ok(Self {
            http: ToolHttp::new(Tool::ArgoCd, connection.url.as_str(), bearer)?,
            patience: PATIENCE,
        })
    }

    /// How long a removal waits for the deletion that it asked for; 20 s unless told.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

fn not_ours(operation: &Operation) -> StepError {
    StepError::Permanent {
        message: format!(
            "an operation of {} was sent to the Argo CD adapter",
            operation.tool()
        ),
    }
}

fn transient(message: String) -> StepError {
    StepError::Transient {
        message,
        retry_after: None,
    }
}

#[async_trait]
impl ToolAdapter for ArgoCd {
    fn tool(&self) -> Tool {
        Tool::ArgoCd
    }

    async fn ensure(&self, operation: &Operation, context: &StepContext) -> Result<StepOutcome, StepError> {
        let wanted = project::wanted(operation, context).or_else(|| application::wanted(operation, context));
        self.ensure_wanted(&wanted.ok_or_else(|| not_ours(operation))?, context)
            .await
    }

    async fn remove(&self, operation: &Operation, context: &StepContext) -> Result<Removed, StepError> {
        match operation {
            Operation::ArgoProject { project, .. } => self.remove_project(project, context).await,
            Operation::ArgoApplication {
                application, project, ..
            } => self.remove_application(application, project, context).await,
            _ => Err(not_ours(operation)),
        }
    }

    async fn health(&self) -> Result<Health, StepError> {
        self.check_health().await
    }
}
