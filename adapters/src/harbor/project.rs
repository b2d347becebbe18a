//! The registry project of a service.

use chrono::{DateTime, Utc};
use http::{Method, StatusCode};
use opstella_domain::naming::RegistryProject;
use opstella_domain::resource::StepOutcome;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::client::{api, change, confirmed, make};
use super::ownership::{Ownership, adopted};
use super::{Harbor, foreign, labels};
use crate::http::segment;
use crate::mark::Mark;
use crate::{Removal, Removed, StepContext, StepError};

const KIND: &str = "project";
/// Whoever is not signed in sees nothing; what is pushed is scanned.
const SETTINGS: [(&str, &str); 2] = [("public", "false"), ("auto_scan", "true")];

#[derive(Deserialize)]
pub(super) struct Project {
    #[serde(rename = "project_id")]
    pub id: i64,
    #[serde(default)]
    pub owner_id: i64,
    pub creation_time: Option<DateTime<Utc>>,
    #[serde(default)]
    pub repo_count: u64,
    #[serde(default)]
    metadata: Map<String, Value>,
}

impl Project {
    /// A setting.
    pub(super) fn setting(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).and_then(Value::as_str)
    }
}

pub(super) fn path(name: &RegistryProject) -> String {
    api(&format!("/projects/{}", segment(name.as_str())))
}

fn settings() -> Value {
    Map::from_iter(SETTINGS.map(|(key, value)| (key.to_owned(), json!(value)))).into()
}

impl Harbor {
    /// The project of a name.
    pub(super) async fn project(&self, name: &RegistryProject) -> Result<Option<Project>, StepError> {
        let call = self.http.get(path(name)).header("x-is-resource-name", "true");
        let answer = call.send().await?;
        // Whether a project exists is nobody's business who may not see it; whether its name is taken is everybody's.
        if answer.is(StatusCode::FORBIDDEN) {
            let call = self.http.call(Method::HEAD, api("/projects"));
            let taken = call.query(&[("project_name", name.as_str())]).send().await?;
            if taken.is(StatusCode::NOT_FOUND) {
                return Ok(None);
            }
        }
        answer.found()?.map(|answer| answer.json()).transpose()
    }

    /// The project that something is to be made in.
    pub(super) async fn container(
        &self,
        name: &RegistryProject,
        context: &StepContext,
    ) -> Result<Project, StepError> {
        let project = self.project(name).await?.ok_or_else(|| StepError::Permanent {
            message: format!(
                "Harbor: there is no project `{name}`; it was deleted meanwhile: retry the step that makes it"
            ),
        })?;
        match self.ownership_of(&project, false, context).await? {
            Ownership::Foreign(another) if !context.adopt => Err(foreign(KIND, name.as_str(), another)),
            _ => Ok(project),
        }
    }

    /// Whose a project is, by its label. One without the label may be what an earlier attempt of this run left, when it
    /// came no further than making the project; `left` says whether there may have been such an attempt. It is one
    /// if our account made it, not before the run began, and nothing is in it yet. The two clocks are not brought
    /// together: if Harbor's is behind ours by more than the run is old, the project counts as somebody else's, which
    /// deletes nothing.
    pub(super) async fn ownership_of(
        &self,
        project: &Project,
        left: bool,
        context: &StepContext,
    ) -> Result<Ownership, StepError> {
        if let Some(label) = self.label(project.id, labels::PROJECT).await? {
            return Ok(Ownership::of(&label.description, context));
        }
        // Harbor counts milliseconds.
        let began = context.run_started.timestamp_millis();
        let since = project
            .creation_time
            .is_some_and(|made| made.timestamp_millis() >= began);
        if left && since && project.repo_count == 0 && self.own_id().await? == Some(project.owner_id) {
            return Ok(Ownership::Ours(context.owner.run));
        }
        Ok(Ownership::Foreign(None))
    }

    pub(super) async fn ensure_project(
        &self,
        name: &RegistryProject,
        context: &StepContext,
    ) -> Result<StepOutcome, StepError> {
        let mut made = false;
        let project = match self.project(name).await? {
            Some(there) => there,
            None => {
                let body = json!({ "project_name": name, "metadata": settings() });
                made = make(self.http.post(api("/projects")).json(&body)).await?;
                self.project(name).await?.ok_or_else(|| StepError::Transient {
                    message: format!(
                        "Harbor: the project `{name}` was there and is not to be found; another's of this name may \
                         be hidden from Opstella's account"
                    ),
                    retry_after: None,
                })?
            }
        };
        let ownership = if made {
            Ownership::Ours(context.owner.run)
        } else {
            self.ownership_of(&project, context.retried, context).await?
        };
        match ownership {
            Ownership::Ours(run) => {
                let mark = Mark {
                    run: Some(run),
                    ..Mark::service(&context.owner)
                };
                if let Err(error) = self.set_label(project.id, labels::PROJECT, &mark.line()).await {
                    return Err(match made {
                        true => self.give_up(name, error).await,
                        false => error,
                    });
                }
                if SETTINGS
                    .iter()
                    .any(|(key, value)| project.setting(key) != Some(*value))
                {
                    let body = json!({ "metadata": settings() });
                    let call = self.http.put(path(name)).header("x-is-resource-name", "true");
                    change(call.json(&body)).await?;
                }
            }
            // How an adopted project is set stays the business of who set it.
            Ownership::Adopted { .. } => {}
            Ownership::Foreign(_) if context.adopt => {
                let label = self.label(project.id, labels::PROJECT).await?;
                let theirs = label.map(|label| label.description).unwrap_or_default();
                let text = adopted(&theirs, &context.owner);
                self.set_label(project.id, labels::PROJECT, &text).await?;
            }
            Ownership::Foreign(another) => return Err(foreign(KIND, name.as_str(), another)),
        }
        let provenance = ownership.provenance(context);
        Ok(self.outcome(KIND, name.as_str(), &project, "repositories", provenance))
    }

    /// What was made and cannot be marked for good goes again: nobody could tell later whose it is. The error of the step.
    async fn give_up(&self, name: &RegistryProject, error: StepError) -> StepError {
        if !matches!(error, StepError::Permanent { .. }) {
            return error;
        }
        match self.delete_project(name).await {
            Ok(_) => error,
            // A later attempt finds it.
            Err(deleting) => StepError::Transient {
                message: format!("{error}; and the project `{name}` could not be deleted again: {deleting}"),
                retry_after: None,
            },
        }
    }

    /// Deletes the project with all that is in it. Under [`Removal::ThisRun`] too: in a project that the run
    /// made, only the service's own CI can have pushed anything, with the robot that goes as well.
    pub(super) async fn remove_project(
        &self,
        name: &RegistryProject,
        context: &StepContext,
    ) -> Result<Removed, StepError> {
        let Some(project) = self.project(name).await? else {
            return Ok(Removed::Absent);
        };
        // The step that is undone may have failed between making the project and marking it.
        let left = context.removal == Removal::ThisRun && context.retried;
        if !self.ownership_of(&project, left, context).await?.allows(context) {
            if let Some(label) = self.label(project.id, labels::PROJECT).await? {
                self.give_back_label(project.id, &label, context).await?;
            }
            return Ok(Removed::Kept);
        }
        self.delete_project(name).await
    }

    async fn delete_project(&self, name: &RegistryProject) -> Result<Removed, StepError> {
        self.delete_repositories(name).await?;
        let call = self.http.delete(path(name)).header("x-is-resource-name", "true");
        let answer = call.send().await?;
        if answer.is(StatusCode::PRECONDITION_FAILED) {
            return Err(StepError::Transient {
                message: format!(
                    "Harbor: the project `{name}` cannot be deleted yet: {}; something may have been pushed meanwhile",
                    answer.error_text()
                ),
                retry_after: None,
            });
        }
        let Some(answer) = answer.found()? else {
            return Ok(Removed::Absent);
        };
        confirmed(&answer)?;
        Ok(Removed::Deleted)
    }
}
