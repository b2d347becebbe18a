//! The retention rule of a project: Harbor's policy, which the project's settings name.
//!
//! Its mark is a label of the project, made before the policy, so that no policy of ours is ever without. Where the
//! project was adopted, a policy that a run made is told from one that was there.

use http::StatusCode;
use opstella_domain::naming::RegistryProject;
use opstella_domain::resource::StepOutcome;
use serde_json::Value;

use super::client::{api, change, confirmed, delete};
use super::labels::{Label, RETENTION};
use super::ownership::{Ownership, adopted};
use super::project::Project;
use super::{Harbor, foreign, policy, project};
use crate::http::segment;
use crate::mark::Mark;
use crate::{Removed, StepContext, StepError};

const KIND: &str = "retention policy";
/// The setting that names the policy.
const SETTING: &str = "retention_id";
const PAGE: &str = "tag-strategy/tag-retention";

fn path(id: &str) -> String {
    api(&format!("/retentions/{}", segment(id)))
}

fn ownership(label: Option<&Label>, context: &StepContext) -> Ownership {
    label.map_or(Ownership::Foreign(None), |label| {
        Ownership::of(&label.description, context)
    })
}

impl Harbor {
    pub(super) async fn ensure_retention(
        &self,
        name: &RegistryProject,
        keep: u32,
        context: &StepContext,
    ) -> Result<StepOutcome, StepError> {
        let project = self.container(name, context).await?;
        let label = self.label(project.id, RETENTION).await?;
        let wanted = policy::keeping(keep, project.id);
        let ownership = match self.policy_of(name, &project).await? {
            None => {
                self.make_policy(name, &project, &wanted, context).await?;
                Ownership::Ours(context.owner.run)
            }
            Some((id, there)) => {
                let ownership = ownership(label.as_ref(), context);
                match ownership {
                    Ownership::Ours(_) if !policy::fits(&there, &wanted) => {
                        let mut body = wanted;
                        if let Some(fields) = body.as_object_mut() {
                            fields.insert("id".to_owned(), there.get("id").cloned().unwrap_or_default());
                        }
                        change(self.http.put(path(&id)).json(&body)).await?;
                    }
                    // How long an adopted project keeps its images stays the business of who said it.
                    Ownership::Ours(_) | Ownership::Adopted { .. } => {}
                    Ownership::Foreign(_) if context.adopt => {
                        let theirs = label.map(|label| label.description).unwrap_or_default();
                        let text = adopted(&theirs, &context.owner);
                        self.set_label(project.id, RETENTION, &text).await?;
                    }
                    Ownership::Foreign(another) => {
                        return Err(foreign(KIND, name.as_str(), another));
                    }
                }
                ownership
            }
        };
        let text = match ownership {
            Ownership::Ours(_) => format!("{name}: keep {keep}"),
            Ownership::Adopted { .. } | Ownership::Foreign(_) => name.to_string(),
        };
        Ok(self.outcome(KIND, &text, &project, PAGE, ownership.provenance(context)))
    }

    async fn make_policy(
        &self,
        name: &RegistryProject,
        project: &Project,
        wanted: &Value,
        context: &StepContext,
    ) -> Result<(), StepError> {
        let line = Mark::service(&context.owner).line();
        self.set_label(project.id, RETENTION, &line).await?;
        let answer = self.http.post(api("/retentions")).json(wanted).send().await?;
        // Harbor's words for a project that has one already; and for whatever else is wrong.
        if !answer.is(StatusCode::BAD_REQUEST) && !answer.is(StatusCode::CONFLICT) {
            return confirmed(&answer.success()?);
        }
        match self.policy_now(name).await? {
            Some((_, there)) if policy::fits(&there, wanted) => Ok(()),
            now => {
                if let Some(label) = self.label(project.id, RETENTION).await? {
                    self.delete_label(&label).await?;
                }
                Err(match now {
                    Some(_) => foreign(KIND, name.as_str(), None),
                    None => answer.refused(),
                })
            }
        }
    }

    /// The policy of a project, under the id that the project names. One that the project names and that is not
    /// there would stand in the way of a new one for ever: the name goes.
    async fn policy_of(
        &self,
        name: &RegistryProject,
        project: &Project,
    ) -> Result<Option<(String, Value)>, StepError> {
        let Some(id) = project.setting(SETTING) else {
            return Ok(None);
        };
        match self.http.get(path(id)).send().await?.found()? {
            Some(answer) => Ok(Some((id.to_owned(), answer.json()?))),
            None => {
                let setting = format!("{}/metadatas/{SETTING}", project::path(name));
                delete(self.http.delete(setting)).await?;
                Ok(None)
            }
        }
    }

    async fn policy_now(&self, name: &RegistryProject) -> Result<Option<(String, Value)>, StepError> {
        match self.project(name).await? {
            Some(project) => self.policy_of(name, &project).await,
            None => Ok(None),
        }
    }

    pub(super) async fn remove_retention(
        &self,
        name: &RegistryProject,
        context: &StepContext,
    ) -> Result<Removed, StepError> {
        let Some(project) = self.project(name).await? else {
            return Ok(Removed::Absent);
        };
        let label = self.label(project.id, RETENTION).await?;
        let allowed = ownership(label.as_ref(), context).allows(context);
        let removed = match project.setting(SETTING) {
            None => Removed::Absent,
            Some(_) if !allowed => Removed::Kept,
            Some(id) => {
                let answer = self.http.delete(path(id)).send().await?;
                // Harbor answers so for one that is gone.
                let missing = [StatusCode::NOT_FOUND, StatusCode::BAD_REQUEST].contains(&answer.status);
                if missing && self.policy_now(name).await?.is_none() {
                    Removed::Absent
                } else {
                    confirmed(&answer.success()?)?;
                    Removed::Deleted
                }
            }
        };
        // The policy first: without its label it would be nobody's.
        if let Some(label) = label {
            if allowed {
                self.delete_label(&label).await?;
            } else {
                self.give_back_label(project.id, &label, context).await?;
            }
        }
        Ok(removed)
    }
}
