//! The protection of the default branch: maintainers push, developers come by merge request, nobody forces.
//!
//! Opstella's own account is a maintainer: the overlay of an environment that is added later is such a push.

use opstella_domain::naming::RepositoryPath;
use opstella_domain::resource::StepOutcome;
use serde::Deserialize;
use serde_json::{Value, json};

use super::GitLab;
use super::client::Creation;
use super::repository::Repository;
use crate::http::segment;
use crate::{Removed, StepContext, StepError};

/// GitLab's access level of maintainers (<https://docs.gitlab.com/api/protected_branches/>).
const MAINTAINER: u32 = 40;

/// GitLab's access level of developers.
const DEVELOPER: u32 = 30;

#[derive(Deserialize)]
struct ProtectedBranch {
    allow_force_push: bool,
    #[serde(default)]
    push_access_levels: Vec<AccessLevel>,
}

#[derive(Deserialize)]
struct AccessLevel {
    /// None where one user or group is meant.
    access_level: Option<u32>,
}

impl ProtectedBranch {
    fn developers_push(&self) -> bool {
        let levels = &self.push_access_levels;
        levels.iter().any(|level| level.access_level == Some(DEVELOPER))
    }
}

impl GitLab {
    pub(super) async fn ensure_protected(
        &self,
        path: &RepositoryPath,
        context: &StepContext,
    ) -> Result<StepOutcome, StepError> {
        let repository = self.container(path, context).await?;
        // How an adopted repository protects its branches stays the business of who said it.
        if repository.mark(context).is_some_and(|mark| mark.run.is_some()) {
            self.protect(&repository).await?;
        }
        let page = format!("{path}/-/settings/repository");
        Ok(self.outcome(
            "protected branch",
            &format!("{path}: {}", repository.branch()),
            &page,
            repository.provenance(context),
        ))
    }

    async fn protect(&self, repository: &Repository) -> Result<(), StepError> {
        let branch = repository.branch();
        let all = format!("{}/protected_branches", repository.path());
        let one = format!("{all}/{}", segment(branch));
        // GitLab protects the default branch by itself where the instance's settings say so; whoever did it, it may
        // not be forced, nor pushed to by developers.
        let mut there: Option<ProtectedBranch> = self.find(&one).await?;
        if there.as_ref().is_some_and(ProtectedBranch::developers_push) {
            // Access levels can be changed in paid editions only; in all of them it can be protected anew.
            self.delete(&one, &[]).await?;
            there = None;
        }
        if there.is_none() {
            let body = json!({
                "name": branch, "push_access_level": MAINTAINER, "merge_access_level": MAINTAINER,
                "allow_force_push": false,
            });
            if let Creation::Taken(_) = self.create::<Value>(&all, &body).await? {
                there = self.find(&one).await?;
            }
        }
        if there.is_some_and(|there| there.allow_force_push) {
            let call = self.http.patch(Self::path(&one));
            self.change(call.json(&json!({"allow_force_push": false})))
                .await?;
        }
        Ok(())
    }

    /// The protection goes with its repository. In one that stays it stays, too: without a mark nobody knows who
    /// else relies on it.
    pub(super) async fn remove_protected(
        &self,
        path: &RepositoryPath,
        context: &StepContext,
    ) -> Result<Removed, StepError> {
        let Some(repository) = self.repository_to_undo(path, context).await? else {
            return Ok(Removed::Absent);
        };
        Ok(if repository.goes(context) {
            Removed::Deleted
        } else {
            Removed::Kept
        })
    }
}
