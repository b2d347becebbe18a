//! GitLab: a project's group, a component's repository with its files, protection, environments, variables, webhook;
//! and the image that an environment's overlay names.
//!
//! Groups, repositories, environments, variables and webhooks carry the mark in their descriptions, commits in a
//! trailer. A protected branch can hold none: it is whose the repository is.
//!
//! REST API v4, <https://docs.gitlab.com/api/rest/>.

mod client;
mod commits;
mod environment;
mod files;
mod group;
mod image;
mod kustomization;
mod protected_branch;
mod repository;
mod variable_value;
mod variables;
mod webhook;

use async_trait::async_trait;
use opstella_domain::Tool;
use opstella_domain::operation::Operation;
use opstella_domain::resource::{ExternalResource, Provenance, StepOutcome};
use opstella_domain::tool_connection::Connection;
use secrecy::SecretString;

use crate::http::{Credential, ToolHttp};
use crate::mark::{self, Mark};
use crate::{Health, Removal, Removed, StepContext, StepError, ToolAdapter};

/// The branch that everything starts from.
const DEFAULT_BRANCH: &str = "main";

/// One connected GitLab.
#[derive(Clone)]
pub struct GitLab {
    http: ToolHttp,
}

impl GitLab {
    /// The adapter of a connection; the credential is a personal access token with the scope `api`, of a user
    /// who may make top-level groups.
    ///
    /// # Errors
    /// [`StepError::Permanent`] where no TLS client can be made.
    pub fn connect(connection: &Connection, credential: SecretString) -> Result<Self, StepError> {
        let token = Credential::Header("PRIVATE-TOKEN", credential);
        Ok(Self {
            http: ToolHttp::new(Tool::GitLab, connection.url.as_str(), token)?,
        })
    }

    /// What a step reports; `page` is below the base URL.
    fn outcome(&self, kind: &str, name: &str, page: &str, provenance: Provenance) -> StepOutcome {
        StepOutcome {
            resource: ExternalResource {
                tool: Tool::GitLab,
                kind: kind.to_owned(),
                name: name.to_owned(),
                url: Some(format!("{}/{page}", self.http.base())),
            },
            provenance,
            commit: None,
        }
    }
}

/// The refusal of what is there, so described, and not ours.
fn foreign(kind: &str, name: &str, description: Option<&str>, context: &StepContext) -> StepError {
    let mark = description.and_then(Mark::find);
    let another = mark.and_then(|mark| mark.of_another(&context.owner));
    mark::foreign("GitLab", kind, name, another)
}

/// A description with the mark of somebody who adopts what it describes: what people wrote stays. The mark of whoever
/// had it before goes: only one counts.
fn adopted(description: Option<&str>, mark: Mark) -> String {
    let line = mark.adopted().line();
    let theirs = Mark::without(description.unwrap_or_default().trim());
    match theirs.is_empty() {
        true => line,
        false => format!("{theirs}\n{line}"),
    }
}

/// The description of something adopted, without the mark of the service that the removal takes off; none if there is
/// nothing to take off.
fn given_back(description: Option<&str>, context: &StepContext) -> Option<String> {
    mark_of_service(description, context).filter(|mark| mark.comes_off(context))?;
    description.map(Mark::without)
}

/// The mark in a description, if it is one of the owner's service.
fn mark_of_service(description: Option<&str>, context: &StepContext) -> Option<Mark> {
    Mark::find(description?).filter(|mark| mark.is_of_service(&context.owner))
}

/// Whether the removal may take something with this mark of the service: what was adopted has no run and stays.
fn may_go(mark: &Mark, context: &StepContext) -> bool {
    match context.removal {
        Removal::ThisRun => mark.is_of_run(context),
        Removal::Service => mark.run.is_some(),
    }
}

fn not_ours(operation: &Operation) -> StepError {
    StepError::Permanent {
        message: format!(
            "an operation of {} was sent to the GitLab adapter",
            operation.tool()
        ),
    }
}

#[async_trait]
impl ToolAdapter for GitLab {
    fn tool(&self) -> Tool {
        Tool::GitLab
    }

    async fn ensure(&self, operation: &Operation, context: &StepContext) -> Result<StepOutcome, StepError> {
        match operation {
            Operation::GitlabGroup { group } => self.ensure_group(group, context).await,
            Operation::GitlabProject { repository } => self.ensure_repository(repository, context).await,
            Operation::GitlabFiles {
                repository,
                template,
                values,
                only,
            } => {
                let files = files::rendered(template, values, *only, context).await?;
                self.ensure_files(repository, &files, template, *only, context)
                    .await
            }
            Operation::GitlabProtectedBranch { repository } => {
                self.ensure_protected(repository, context).await
            }
            Operation::GitlabEnvironment {
                repository,
                environment,
            } => self.ensure_environment(repository, *environment, context).await,
            Operation::GitlabVariables {
                repository,
                variables,
            } => self.ensure_variables(repository, variables, context).await,
            Operation::GitlabWebhook {
                repository,
                url,
                secret,
            } => self.ensure_webhook(repository, url, secret, context).await,
            Operation::GitlabImage { repository, .. } => {
                let change = image::Change::of(operation).ok_or_else(|| not_ours(operation))?;
                self.ensure_image(repository, &change, context).await
            }
            _ => Err(not_ours(operation)),
        }
    }

    async fn remove(&self, operation: &Operation, context: &StepContext) -> Result<Removed, StepError> {
        match operation {
            Operation::GitlabGroup { group } => self.remove_group(group, context).await,
            Operation::GitlabProject { repository } => {
                let removed = self.remove_repository(repository, context).await?;
                self.remove_unused_home(repository.group(), context).await?;
                Ok(removed)
            }
            Operation::GitlabFiles {
                repository,
                template,
                values,
                only,
            } => {
                self.remove_files(repository, template, values, *only, context)
                    .await
            }
            Operation::GitlabProtectedBranch { repository } => {
                self.remove_protected(repository, context).await
            }
            Operation::GitlabEnvironment {
                repository,
                environment,
            } => self.remove_environment(repository, *environment, context).await,
            Operation::GitlabVariables {
                repository,
                variables,
            } => self.remove_variables(repository, variables, context).await,
            Operation::GitlabWebhook {
                repository,
                url,
                secret,
            } => self.remove_webhook(repository, url, secret, context).await,
            Operation::GitlabImage { repository, .. } => {
                let change = image::Change::of(operation).ok_or_else(|| not_ours(operation))?;
                self.remove_image(repository, &change, context).await
            }
            _ => Err(not_ours(operation)),
        }
    }

    async fn health(&self) -> Result<Health, StepError> {
        self.check_health().await
    }
}
