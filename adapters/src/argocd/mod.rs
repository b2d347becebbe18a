//! Argo CD: the AppProject that a project's services share, the Application of a component in an environment, and the
//! syncs that carry releases into it.
//!
//! Both carry labels and annotations, so the mark is in the creating call. What is brought up to date is ours alone:
//! repositories and destinations that people added to a project stay, as do their own settings of an application.

mod application;
mod client;
mod deploy;
mod ensure;
mod healthy;
mod hold;
mod home;
mod merge;
mod object;
mod project;
mod remove;
mod rollout;
mod sync;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use opstella_domain::operation::Operation;
use opstella_domain::resource::StepOutcome;
use opstella_domain::tool_connection::Connection;
use opstella_domain::{ProjectSlug, Tool};
use secrecy::SecretString;

use crate::adapter::unobservable;
use crate::http::{Credential, ToolHttp};
use crate::{Health, Observed, Removed, StepContext, StepError, ToolAdapter};
use deploy::Deploy;

/// How long a removal waits for Argo CD to delete an application's workloads before the step is tried again.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long something that is under way in Argo CD is left alone before the next look.
const PAUSE: Duration = Duration::from_secs(3);

/// How long after a sync ill health may be that of what ran before: Argo CD and Kubernetes have looked at what is new by
/// then.
const GRACE: TimeDelta = TimeDelta::seconds(30);

/// One connected Argo CD. Cheap to clone.
#[derive(Clone)]
pub struct ArgoCd {
    http: ToolHttp,
    patience: Duration,
    pause: Duration,
    grace: TimeDelta,
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
            pause: PAUSE,
            grace: GRACE,
        })
    }

    /// How long a removal waits for the deletion that it asked for; 20 s unless told.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How long a sync or a rollout is left alone before the next look; 3 s unless told.
    #[must_use]
    pub fn with_pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// How long after a sync ill health that was there before it counts for nothing; 30 s unless told.
    #[must_use]
    pub fn with_grace(mut self, grace: TimeDelta) -> Self {
        self.grace = grace;
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
        match Deploy::of(operation) {
            Some(Deploy::Hold(target, _)) => return self.ensure_held(target, context).await,
            Some(Deploy::Sync(target, digest)) => return self.ensure_sync(target, digest, context).await,
            Some(Deploy::Healthy(target, digest)) => {
                return self.ensure_healthy(target, digest, context).await;
            }
            None => {}
        }
        if let Some(wanted) = application::wanted(operation, context) {
            self.ensure_home(operation, context).await?;
            let outcome = self.ensure_wanted(&wanted, context).await?;
            // A run that unwound may have deleted it in between; while an application is in it, none can.
            self.ensure_home(operation, context).await?;
            return Ok(outcome);
        }
        let wanted = project::wanted(operation, context).ok_or_else(|| not_ours(operation))?;
        self.ensure_wanted(&wanted, context).await
    }

    async fn remove(&self, operation: &Operation, context: &StepContext) -> Result<Removed, StepError> {
        match operation {
            Operation::ArgoProject { project, .. } => self.remove_project(project, context).await,
            Operation::ArgoApplication {
                application, project, ..
            } => {
                let removed = self.remove_application(application, project, context).await?;
                self.remove_unused_home(project, context).await?;
                Ok(removed)
            }
            _ => match Deploy::of(operation) {
                Some(Deploy::Hold(target, before)) => self.release_hold(target, before, context).await,
                // Releasing the hold syncs back.
                Some(Deploy::Sync(..) | Deploy::Healthy(..)) => Ok(Removed::Absent),
                None => Err(not_ours(operation)),
            },
        }
    }

    async fn observe(&self, operation: &Operation) -> Result<Observed, StepError> {
        match Deploy::of(operation) {
            Some(Deploy::Healthy(target, _)) => self.observe_application(target).await,
            _ => Err(unobservable(Tool::ArgoCd, operation)),
        }
    }

    async fn survey(&self, project: &ProjectSlug) -> Result<BTreeMap<String, Observed>, StepError> {
        self.observe_all(project.as_str()).await
    }

    async fn health(&self) -> Result<Health, StepError> {
        self.check_health().await
    }
}
