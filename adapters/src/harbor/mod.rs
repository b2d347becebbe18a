//! Harbor: a service's registry project, its robot account and its retention rule; the image of a release, and the tag
//! by which it says where that runs.
//!
//! A robot account carries its mark in its description, from the call that makes it. A project and a retention rule have
//! no text: labels of the project carry their marks. The rule's label is made *before* the rule; the project's can only
//! be made after the project, and `Harbor::ownership_of` says whose a project without one is.

mod artifact;
mod client;
mod config;
mod labels;
mod ownership;
mod policy;
mod project;
mod repositories;
mod retention;
mod rights;
mod robot;
mod robot_secret;
mod scan;
mod tag;

use async_trait::async_trait;
use opstella_domain::evidence::ArtifactKey;
use opstella_domain::naming::RegistryProject;
use opstella_domain::operation::Operation;
use opstella_domain::release::Digest;
use opstella_domain::resource::{ExternalResource, Provenance, StepOutcome};
use opstella_domain::tool_connection::Connection;
use opstella_domain::{InstallationId, Tool};
use secrecy::{ExposeSecret, SecretString};

use crate::http::{Credential, ToolHttp};
use crate::mark;
use crate::reports::{FetchedReport, ReportSource};
use crate::{Health, Removed, StepContext, StepError, ToolAdapter};
use project::Project;

/// One connected Harbor.
#[derive(Clone)]
pub struct Harbor {
    http: ToolHttp,
}

impl Harbor {
    /// The adapter of a connection; the credential is `user:password`, for an account that may create projects.
    ///
    /// # Errors
    /// [`StepError::Permanent`] where the credential has another form, or no TLS client can be made.
    pub fn connect(connection: &Connection, credential: SecretString) -> Result<Self, StepError> {
        let text = credential.expose_secret().trim_end_matches(['\r', '\n']);
        let (user, password) = text
            .split_once(':')
            .filter(|(user, password)| !user.is_empty() && !password.is_empty())
            .ok_or_else(|| StepError::Permanent {
                message: format!(
                    "Harbor: the credential `{}` has to have the form `user:password`; configure it so",
                    connection.credential
                ),
            })?;
        let basic = Credential::Basic {
            user: user.to_owned(),
            password: SecretString::from(password),
        };
        Ok(Self {
            http: ToolHttp::new(Tool::Harbor, connection.url.as_str(), basic)?,
        })
    }

    /// What a step reports; `page` is one of the project's.
    fn outcome(
        &self,
        kind: &str,
        name: &str,
        project: &Project,
        page: &str,
        provenance: Provenance,
    ) -> StepOutcome {
        let (base, id) = (self.http.base(), project.id);
        StepOutcome {
            resource: ExternalResource {
                tool: Tool::Harbor,
                kind: kind.to_owned(),
                name: name.to_owned(),
                url: Some(format!("{base}/harbor/projects/{id}/{page}")),
            },
            provenance,
            commit: None,
        }
    }
}

/// The refusal of what is there and not ours.
fn foreign(kind: &str, name: &str, another: Option<InstallationId>) -> StepError {
    mark::foreign("Harbor", kind, name, another)
}

fn not_ours(operation: &Operation) -> StepError {
    StepError::Permanent {
        message: format!(
            "an operation of {} was sent to the Harbor adapter",
            operation.tool()
        ),
    }
}

#[async_trait]
impl ToolAdapter for Harbor {
    fn tool(&self) -> Tool {
        Tool::Harbor
    }

    async fn ensure(&self, operation: &Operation, context: &StepContext) -> Result<StepOutcome, StepError> {
        match operation {
            Operation::HarborProject { project } => self.ensure_project(project, context).await,
            Operation::HarborRobot { project, secret } => self.ensure_robot(project, secret, context).await,
            Operation::HarborRetention { project, keep } => {
                self.ensure_retention(project, *keep, context).await
            }
            Operation::HarborArtifact {
                project,
                repository,
                digest,
            } => {
                let repository = artifact::Repository::of(project, repository);
                self.ensure_artifact(repository, digest, context).await
            }
            Operation::HarborEnvironmentTag {
                project,
                repository,
                digest,
                environment,
                previous,
            } => {
                let repository = artifact::Repository::of(project, repository);
                let tag = tag::Tag::of(repository, *environment, digest, previous.as_ref());
                self.ensure_tag(tag, context).await
            }
            _ => Err(not_ours(operation)),
        }
    }

    async fn remove(&self, operation: &Operation, context: &StepContext) -> Result<Removed, StepError> {
        match operation {
            Operation::HarborProject { project } => self.remove_project(project, context).await,
            Operation::HarborRobot { project, secret } => self.remove_robot(project, secret, context).await,
            Operation::HarborRetention { project, .. } => self.remove_retention(project, context).await,
            // It was only looked at.
            Operation::HarborArtifact { .. } => Ok(Removed::Kept),
            Operation::HarborEnvironmentTag {
                project,
                repository,
                digest,
                environment,
                previous,
            } => {
                let repository = artifact::Repository::of(project, repository);
                let tag = tag::Tag::of(repository, *environment, digest, previous.as_ref());
                self.remove_tag(tag, context).await
            }
            _ => Err(not_ours(operation)),
        }
    }

    async fn report(&self, source: &ReportSource) -> Result<Option<FetchedReport>, StepError> {
        match source {
            ReportSource::RegistryScan {
                project,
                repository,
                digest,
            } => {
                let repository = artifact::Repository::of(project, repository);
                self.scan_of(repository, digest).await
            }
            ReportSource::QualityGate { .. } => Err(StepError::Permanent {
                message: "Harbor keeps no quality gates: SonarQube was meant".into(),
            }),
        }
    }

    async fn image_configs(&self, image: &ArtifactKey) -> Result<Vec<Digest>, StepError> {
        let project = RegistryProject::of(&image.service);
        let repository = artifact::Repository::of(&project, &image.component);
        self.configs_of(repository, &image.digest).await
    }

    async fn health(&self) -> Result<Health, StepError> {
        self.check_health().await
    }
}
