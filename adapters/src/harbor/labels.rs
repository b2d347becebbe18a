//! Labels of a project that carry marks, in their descriptions.

use serde::Deserialize;
use serde_json::json;

use super::Harbor;
use super::client::{api, change, delete, make};
use super::ownership::given_back;
use crate::{StepContext, StepError};

/// Carries the project's own mark.
pub(super) const PROJECT: &str = "opstella";
/// Carries the mark of the project's retention rule.
pub(super) const RETENTION: &str = "opstella-retention";

/// Harbor draws a label on an artifact with one; ours are on none.
const COLOR: &str = "#0065AB";

#[derive(Deserialize)]
pub(super) struct Label {
    id: i64,
    name: String,
    #[serde(default)]
    pub description: String,
}

impl Harbor {
    pub(super) async fn label(&self, project: i64, name: &str) -> Result<Option<Label>, StepError> {
        let id = project.to_string();
        let pairs = [("scope", "p"), ("project_id", id.as_str()), ("name", name)];
        let found: Vec<Label> = self.list(&api("/labels"), &pairs).await?;
        // Harbor finds parts of names too.
        Ok(found.into_iter().find(|label| label.name == name))
    }

    /// Makes the label say this.
    pub(super) async fn set_label(
        &self,
        project: i64,
        name: &str,
        description: &str,
    ) -> Result<(), StepError> {
        let body = json!({ "name": name, "description": description, "color": COLOR,
                           "scope": "p", "project_id": project });
        let there = match self.label(project, name).await? {
            Some(there) => there,
            None => {
                if make(self.http.post(api("/labels")).json(&body)).await? {
                    return Ok(());
                }
                self.label(project, name)
                    .await?
                    .ok_or_else(|| StepError::Transient {
                        message: format!(
                            "Harbor: the label `{name}` of project {project} was made and deleted meanwhile"
                        ),
                        retry_after: None,
                    })?
            }
        };
        if there.description == description {
            return Ok(());
        }
        change(self.http.put(api(&format!("/labels/{}", there.id))).json(&body)).await
    }

    /// Takes the mark of something adopted off again, as far as the removal may; a label that says nothing else goes.
    pub(super) async fn give_back_label(
        &self,
        project: i64,
        label: &Label,
        context: &StepContext,
    ) -> Result<(), StepError> {
        match given_back(&label.description, context) {
            Some(theirs) if theirs.is_empty() => self.delete_label(label).await,
            Some(theirs) => self.set_label(project, &label.name, &theirs).await,
            None => Ok(()),
        }
    }

    pub(super) async fn delete_label(&self, label: &Label) -> Result<(), StepError> {
        delete(self.http.delete(api(&format!("/labels/{}", label.id)))).await?;
        Ok(())
    }
}
