//! The group of a project. Its services share it.

use opstella_domain::ProjectSlug;
use opstella_domain::resource::{Provenance, StepOutcome};
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::Creation;
use super::{GitLab, adopted, foreign, provenance};
use crate::http::segment;
use crate::mark::Mark;
use crate::{Removal, Removed, StepContext, StepError};

const KIND: &str = "group";

/// A group as GitLab tells of it.
#[derive(Debug, Deserialize)]
pub(super) struct Group {
    pub id: u64,
    description: Option<String>,
    marked_for_deletion_on: Option<String>,
}

impl GitLab {
    /// The group at a path.
    pub(super) async fn group(&self, path: &str) -> Result<Option<Group>, StepError> {
        self.find(&format!("groups/{}?with_projects=false", segment(path)))
            .await
    }

    pub(super) async fn ensure_group(
        &self,
        group: &ProjectSlug,
        context: &StepContext,
    ) -> Result<StepOutcome, StepError> {
        let name = group.as_str();
        let provenance = match self.group(name).await? {
            Some(there) => self.take_group(&there, group, context).await?,
            None => {
                let mark = Mark::project(&context.owner).line();
                let body = json!({"name": name, "path": name, "description": mark, "visibility": "private"});
                match self.create::<Value>("groups", &body).await? {
                    Creation::Made(_) => Provenance::Created,
                    // Another service's run was faster, or a user has the name.
                    Creation::Taken(refusal) => match self.group(name).await? {
                        Some(there) => self.take_group(&there, group, context).await?,
                        None => return Err(refusal),
                    },
                }
            }
        };
        Ok(self.outcome(KIND, name, &format!("groups/{name}"), provenance))
    }

    async fn take_group(
        &self,
        there: &Group,
        group: &ProjectSlug,
        context: &StepContext,
    ) -> Result<Provenance, StepError> {
        if there.marked_for_deletion_on.is_some() {
            let message = format!(
                "GitLab: the group `{group}` is scheduled for deletion; restore it, or delete it at once"
            );
            return Err(StepError::Permanent { message });
        }
        let mark = there.description.as_deref().and_then(Mark::find);
        match mark.filter(|mark| mark.is_of_project(group)) {
            Some(mark) => Ok(provenance(&mark, context)),
            None if context.adopt => {
                let description = adopted(there.description.as_deref(), Mark::project(&context.owner));
                let call = self.http.put(Self::path(&format!("groups/{}", there.id)));
                self.change(call.json(&json!({"description": description})))
                    .await?;
                Ok(Provenance::Adopted)
            }
            None => Err(foreign(KIND, group.as_str())),
        }
    }

    /// Unwinding deletes a group that its run made, if nobody has put anything into it; decommissioning a service
    /// leaves it.
    pub(super) async fn remove_group(
        &self,
        group: &ProjectSlug,
        context: &StepContext,
    ) -> Result<Removed, StepError> {
        let Some(there) = self.group(group.as_str()).await? else {
            return Ok(Removed::Absent);
        };
        let mark = there.description.as_deref().and_then(Mark::find);
        let made_by_run = mark.is_some_and(|mark| mark.is_of_project(group) && mark.is_of_run(context));
        let path = format!("groups/{}", there.id);
        if context.removal != Removal::ThisRun || !made_by_run || !self.is_empty(&path).await? {
            return Ok(Removed::Kept);
        }
        if there.marked_for_deletion_on.is_none() {
            self.delete(&path, &[]).await?;
        }
        // GitLab may keep a deleted group for some days, out of the way and marked: a top-level group cannot be
        // deleted at once (https://docs.gitlab.com/api/groups/#delete-a-group).
        let gone = |group: &Group| group.marked_for_deletion_on.is_some();
        self.until_gone(&format!("the group `{group}`"), &path, gone)
            .await?;
        Ok(Removed::Deleted)
    }

    async fn is_empty(&self, path: &str) -> Result<bool, StepError> {
        for kind in ["projects", "subgroups"] {
            let inside: Option<Vec<Value>> = self.find(&format!("{path}/{kind}?per_page=1")).await?;
            if inside.is_some_and(|inside| !inside.is_empty()) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
