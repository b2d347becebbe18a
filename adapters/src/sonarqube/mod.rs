//! SonarQube: a component's quality project, its gate, its analysis token and its webhook.
//!
//! SonarQube has no call that creates a project with tags, so a new project carries its mark in its name until it has
//! its tags; the first analysis gives it the name of `sonar-project.properties`. Tokens and webhooks carry the
//! installation, shortened, and the run in their names.

mod client;
mod gate;
mod ownership;
mod project;
mod status;
mod token;
mod token_name;
mod webhook;

use async_trait::async_trait;
use opstella_domain::operation::Operation;
use opstella_domain::resource::{ExternalResource, Provenance, StepOutcome};
use opstella_domain::tool_connection::Connection;
use opstella_domain::{InstallationId, Tool};
use secrecy::SecretString;
use sha2::{Digest, Sha256};

use crate::http::{Credential, ToolHttp};
use crate::mark;
use crate::reports::{FetchedReport, ReportSource};
use crate::{Health, Removed, StepContext, StepError, ToolAdapter};

/// One connected SonarQube.
#[derive(Clone)]
pub struct SonarQube {
    http: ToolHttp,
}

impl SonarQube {
    /// The adapter of a connection; the credential is a user token.
    ///
    /// # Errors
    /// [`StepError::Permanent`] where no TLS client can be made.
    pub fn connect(connection: &Connection, credential: SecretString) -> Result<Self, StepError> {
        let bearer = Credential::Bearer(credential);
        Ok(Self {
            http: ToolHttp::new(Tool::SonarQube, connection.url.as_str(), bearer)?,
        })
    }

    /// What a step reports; `page` is below the base URL.
    fn outcome(&self, kind: &str, name: &str, page: &str, provenance: Provenance) -> StepOutcome {
        StepOutcome {
            resource: ExternalResource {
                tool: Tool::SonarQube,
                kind: kind.to_owned(),
                name: name.to_owned(),
                url: Some(format!("{}/{page}", self.http.base())),
            },
            provenance,
            commit: None,
        }
    }
}

/// The refusal of what is there and not ours.
fn foreign(kind: &str, name: &str, another: Option<InstallationId>) -> StepError {
    mark::foreign("SonarQube", kind, name, another)
}

/// A name of an installation for names that have no room for the whole id.
fn short(installation: InstallationId) -> String {
    let digest = hex::encode(Sha256::digest(installation.to_string()));
    digest.chars().take(8).collect()
}

fn not_ours(operation: &Operation) -> StepError {
    StepError::Permanent {
        message: format!(
            "an operation of {} was sent to the SonarQube adapter",
            operation.tool()
        ),
    }
}

#[async_trait]
impl ToolAdapter for SonarQube {
    fn tool(&self) -> Tool {
        Tool::SonarQube
    }

    async fn ensure(&self, operation: &Operation, context: &StepContext) -> Result<StepOutcome, StepError> {
        match operation {
            Operation::SonarProject { key } => self.ensure_project(key, context).await,
            Operation::SonarQualityGate { key, gate } => self.ensure_gate(key, gate, context).await,
            Operation::SonarToken { key, secret } => self.ensure_token(key, secret, context).await,
            Operation::SonarWebhook { key, url, secret } => {
                self.ensure_webhook(key, url, secret, context).await
            }
            _ => Err(not_ours(operation)),
        }
    }

    async fn remove(&self, operation: &Operation, context: &StepContext) -> Result<Removed, StepError> {
        match operation {
            Operation::SonarProject { key } => self.remove_project(key, context).await,
            Operation::SonarQualityGate { key, gate } => self.remove_gate(key, gate, context).await,
            Operation::SonarToken { key, secret } => self.remove_token(key, secret, context).await,
            Operation::SonarWebhook { key, url, secret } => {
                self.remove_webhook(key, url, secret, context).await
            }
            _ => Err(not_ours(operation)),
        }
    }

    async fn report(&self, source: &ReportSource) -> Result<Option<FetchedReport>, StepError> {
        match source {
            ReportSource::QualityGate { key, commit } => self.quality_gate(key, commit).await,
            ReportSource::RegistryScan { .. } => Err(StepError::Permanent {
                message: "SonarQube keeps no scans of images: Harbor was meant".into(),
            }),
        }
    }

    async fn health(&self) -> Result<Health, StepError> {
        self.check_health().await
    }
}
