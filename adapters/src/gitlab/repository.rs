//! The repository of a component; GitLab calls it a project.

use http::{StatusCode, header};
use opstella_domain::naming::RepositoryPath;
use opstella_domain::resource::{Provenance, StepOutcome};
use serde::Deserialize;
use serde_json::json;

use super::client::Creation;
use super::{GitLab, adopted, foreign, given_back, mark_of_service, may_go};
use crate::http::{Answer, segment};
use crate::mark::Mark;
use crate::{Removed, StepContext, StepError};

const KIND: &str = "repository";
const PRIVATE: &str = "private";

/// A repository as GitLab tells of it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Repository {
    id: u64,
    pub path_with_namespace: String,
    pub default_branch: Option<String>,
    description: Option<String>,
    visibility: Option<String>,
    marked_for_deletion_on: Option<String>,
}

/// What is at a path.
enum Look {
    There(Repository),
    /// The repository that was there is elsewhere now.
    Moved(u64),
    Absent,
}

/// Where GitLab says that the project of an old path is now. Whatever else redirects, a sign-in page say, names no id.
fn moved_to(answer: &Answer) -> Option<u64> {
    if !answer.is(StatusCode::MOVED_PERMANENTLY) {
        return None;
    }
    let location = answer.headers.get(header::LOCATION)?.to_str().ok()?;
    let path = location.split(['?', '#']).next()?;
    let (_, id) = path.rsplit_once("/api/v4/projects/")?;
    id.parse().ok()
}

impl Repository {
    /// Whether it was deleted, and is kept for some days under another path.
    fn waits_elsewhere(&self) -> bool {
        let suffix = format!("-deletion_scheduled-{}", self.id);
        self.marked_for_deletion_on.is_some() && self.path_with_namespace.ends_with(&suffix)
    }

    /// Where it is in the API.
    pub(super) fn path(&self) -> String {
        format!("projects/{}", self.id)
    }

    /// Its mark, if it is the service's.
    pub(super) fn mark(&self, context: &StepContext) -> Option<Mark> {
        mark_of_service(self.description.as_deref(), context)
    }

    /// What something in it is that can hold no mark itself: what the repository is.
    pub(super) fn provenance(&self, context: &StepContext) -> Provenance {
        self.mark(context)
            .map_or(Provenance::Adopted, |mark| mark.provenance(context))
    }

    /// Whether the removal will take it, and all that is in it.
    pub(super) fn goes(&self, context: &StepContext) -> bool {
        self.mark(context).is_some_and(|mark| may_go(&mark, context))
    }
}

impl GitLab {
    /// The repository at a path. One that was there and was moved, or deleted and not gone yet, leaves the path free.
    pub(super) async fn repository(&self, path: &RepositoryPath) -> Result<Option<Repository>, StepError> {
        match self.look(path).await? {
            Look::There(there) => Ok(Some(there)),
            Look::Moved(_) | Look::Absent => Ok(None),
        }
    }

    /// The repository that something in it is to be undone in: the one at the path, or the service's own, wherever
    /// people moved it. What is in one that waits for its deletion goes with it.
    pub(super) async fn repository_to_undo(
        &self,
        path: &RepositoryPath,
        context: &StepContext,
    ) -> Result<Option<Repository>, StepError> {
        let there = self.wherever(path, context).await?;
        Ok(there.filter(|there| !there.waits_elsewhere()))
    }

    async fn wherever(
        &self,
        path: &RepositoryPath,
        context: &StepContext,
    ) -> Result<Option<Repository>, StepError> {
        let id = match self.look(path).await? {
            Look::There(there) => return Ok(Some(there)),
            Look::Moved(id) => id,
            Look::Absent => return Ok(None),
        };
        let moved: Option<Repository> = self.find(&format!("projects/{id}")).await?;
        Ok(moved.filter(|moved| moved.mark(context).is_some()))
    }

    async fn look(&self, path: &RepositoryPath) -> Result<Look, StepError> {
        let call = self
            .http
            .get(Self::path(&format!("projects/{}", segment(path.as_str()))));
        let answer = call.send().await?;
        if let Some(id) = moved_to(&answer) {
            return Ok(Look::Moved(id));
        }
        Ok(match answer.found()? {
            Some(answer) => Look::There(answer.json()?),
            None => Look::Absent,
        })
    }

    /// The repository that something is to be made in.
    pub(super) async fn container(
        &self,
        path: &RepositoryPath,
        context: &StepContext,
    ) -> Result<Repository, StepError> {
        let there = self.repository(path).await?.ok_or_else(|| StepError::Permanent {
            message: format!(
                "GitLab: there is no repository `{path}`; it was deleted or moved meanwhile: retry the step that makes it"
            ),
        })?;
        if there.mark(context).is_none() && !context.adopt {
            return Err(foreign(
                KIND,
                path.as_str(),
                there.description.as_deref(),
                context,
            ));
        }
        Ok(there)
    }

    pub(super) async fn ensure_repository(
        &self,
        path: &RepositoryPath,
        context: &StepContext,
    ) -> Result<StepOutcome, StepError> {
        let provenance = match self.repository(path).await? {
            Some(there) => {
                let provenance = self.take_repository(&there, path, context).await?;
                if provenance == Provenance::Created {
                    // An earlier try made it, and may have found that the group goes.
                    self.home_stays(path.group()).await?;
                }
                provenance
            }
            None => match self.create_repository(path, context).await? {
                Creation::Made(_) => {
                    self.home_stays(path.group()).await?;
                    Provenance::Created
                }
                Creation::Taken(refusal) => match self.repository(path).await? {
                    Some(there) => self.take_repository(&there, path, context).await?,
                    None => return Err(refusal),
                },
            },
        };
        Ok(self.outcome(KIND, path.as_str(), path.as_str(), provenance))
    }

    async fn create_repository(
        &self,
        path: &RepositoryPath,
        context: &StepContext,
    ) -> Result<Creation<Repository>, StepError> {
        let group = self.home(path.group(), context).await?;
        let body = json!({
            "name": path.name(), "path": path.name(), "namespace_id": group.id, "visibility": PRIVATE,
            "description": Mark::service(&context.owner).line(), "initialize_with_readme": false,
            // Images go to Harbor.
            "container_registry_access_level": "disabled",
            "only_allow_merge_if_pipeline_succeeds": true, "remove_source_branch_after_merge": true,
        });
        self.create("projects", &body).await
    }

    async fn take_repository(
        &self,
        there: &Repository,
        path: &RepositoryPath,
        context: &StepContext,
    ) -> Result<Provenance, StepError> {
        if there.marked_for_deletion_on.is_some() {
            let message = format!(
                "GitLab: the repository `{path}` is scheduled for deletion; restore it, or delete it at once"
            );
            return Err(StepError::Permanent { message });
        }
        let call = || self.http.put(Self::path(&there.path()));
        match there.mark(context) {
            Some(mark) => {
                if there.visibility.as_deref() != Some(PRIVATE) && mark.run.is_some() {
                    self.change(call().json(&json!({"visibility": PRIVATE}))).await?;
                }
                Ok(mark.provenance(context))
            }
            None if context.adopt => {
                let description = adopted(there.description.as_deref(), Mark::service(&context.owner));
                self.change(call().json(&json!({"description": description})))
                    .await?;
                Ok(Provenance::Adopted)
            }
            None => Err(foreign(
                KIND,
                path.as_str(),
                there.description.as_deref(),
                context,
            )),
        }
    }

    pub(super) async fn remove_repository(
        &self,
        path: &RepositoryPath,
        context: &StepContext,
    ) -> Result<Removed, StepError> {
        let Some(there) = self.wherever(path, context).await? else {
            return Ok(Removed::Absent);
        };
        if !there.goes(context) {
            // An earlier one of the service's, deleted before.
            if there.waits_elsewhere() {
                return Ok(Removed::Absent);
            }
            if let Some(description) = given_back(there.description.as_deref(), context) {
                let call = self.http.put(Self::path(&there.path()));
                self.change(call.json(&json!({"description": description})))
                    .await?;
            }
            return Ok(Removed::Kept);
        }
        // GitLab refuses to mark one again whose mark's answer was lost.
        if there.marked_for_deletion_on.is_none() {
            self.delete(&there.path(), &[]).await?;
        }
        let what = format!("the repository `{path}`");
        let marked = |there: &Repository| there.marked_for_deletion_on.is_some();
        // GitLab may only rename it and keep it for some days; then it is told to delete it at once
        // (https://docs.gitlab.com/api/projects/#delete-a-project).
        if let Some(kept) = self.until_gone(&what, &there.path(), marked).await? {
            if !self.delete_at_once(&kept).await? {
                tracing::info!(repository = %path, now = %kept.path_with_namespace, "GitLab keeps what was deleted for some days");
                return Ok(Removed::Deleted);
            }
            self.until_gone(&what, &there.path(), |_: &Repository| false)
                .await?;
        }
        Ok(Removed::Deleted)
    }

    /// Deletes what is marked. False: the instance does not let anybody (GitLab.com never does), and what is out of the
    /// way already goes by itself.
    async fn delete_at_once(&self, kept: &Repository) -> Result<bool, StepError> {
        let at_once = [
            ("permanently_remove", "true"),
            ("full_path", kept.path_with_namespace.as_str()),
        ];
        let call = self.http.delete(Self::path(&kept.path())).query(&at_once);
        let answer = call.send().await?;
        let refused = [StatusCode::BAD_REQUEST, StatusCode::FORBIDDEN].contains(&answer.status);
        if refused && kept.waits_elsewhere() {
            return Ok(false);
        }
        Self::deleted(answer).map(|_| true)
    }
}
