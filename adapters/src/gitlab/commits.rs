//! Commits that Opstella makes, and how it knows them again.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use opstella_domain::RunId;
use opstella_domain::operation::Owner;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::repository::Repository;
use super::{DEFAULT_BRANCH, GitLab};
use crate::StepError;
use crate::http::segment;

/// Git trailer that names the run.
const TRAILER: &str = "Opstella-Run: ";

/// One change of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "lowercase")]
pub(super) enum Action<'a> {
    /// A new file.
    Create {
        /// Where.
        file_path: &'a str,
        /// What is in it.
        content: &'a str,
    },
    /// One file less, if nobody has changed it since that commit.
    Delete {
        /// Where.
        file_path: &'a str,
        /// The commit that changed it last.
        last_commit_id: String,
    },
}

#[derive(Deserialize)]
struct Entry {
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct File {
    last_commit_id: String,
}

#[derive(Deserialize)]
struct Commit {
    message: String,
}

impl Repository {
    /// The branch that files are on.
    pub(super) fn branch(&self) -> &str {
        self.default_branch.as_deref().unwrap_or(DEFAULT_BRANCH)
    }
}

impl GitLab {
    /// The paths of all files on the default branch.
    pub(super) async fn tree(&self, repository: &Repository) -> Result<BTreeSet<String>, StepError> {
        if repository.default_branch.is_none() {
            return Ok(BTreeSet::new());
        }
        let path = format!("{}/repository/tree", repository.path());
        let query = [("recursive", "true"), ("ref", repository.branch())];
        let entries: Vec<Entry> = self.list(&path, &query).await?.unwrap_or_default();
        Ok(entries
            .into_iter()
            .filter(|entry| entry.kind == "blob")
            .map(|entry| entry.path)
            .collect())
    }

    /// Makes a commit on the default branch.
    pub(super) async fn commit(
        &self,
        repository: &Repository,
        subject: &str,
        owner: &Owner,
        actions: &[Action<'_>],
    ) -> Result<(), StepError> {
        let body = json!({
            "branch": repository.branch(),
            "commit_message": format!("{subject}\n\n{TRAILER}{}", owner.run),
            "actions": actions,
        });
        let path = Self::path(&format!("{}/repository/commits", repository.path()));
        let answer = self.http.post(path).json(&body).send().await?;
        let raced = [
            "A file with this name already exists",
            "doesn't exist",
            "has changed since",
            "Could not update",
        ];
        if answer.is(StatusCode::BAD_REQUEST) && raced.iter().any(|words| answer.error_text().contains(words))
        {
            let message = format!(
                "GitLab: somebody else committed to `{}` at the same moment: {}",
                repository.path_with_namespace,
                answer.error_text()
            );
            return Err(StepError::Transient {
                message,
                retry_after: None,
            });
        }
        answer.success()?.json::<Value>().map(drop)
    }

    /// Which of these files were changed last by a commit of this run, and by which.
    pub(super) async fn changed_last_by<'a>(
        &self,
        repository: &Repository,
        paths: &[&'a str],
        run: RunId,
    ) -> Result<Vec<(&'a str, String)>, StepError> {
        let mut ours = Vec::new();
        let mut known: BTreeMap<String, bool> = BTreeMap::new();
        for path in paths {
            let at = format!(
                "{}/repository/files/{}?ref={}",
                repository.path(),
                segment(path),
                segment(repository.branch())
            );
            let Some(file) = self.find::<File>(&at).await? else {
                continue;
            };
            let commit = file.last_commit_id;
            let of_run = match known.get(&commit) {
                Some(of_run) => *of_run,
                None => {
                    let of_run = self.is_commit_of(repository, &commit, run).await?;
                    known.insert(commit.clone(), of_run);
                    of_run
                }
            };
            if of_run {
                ours.push((*path, commit));
            }
        }
        Ok(ours)
    }

    async fn is_commit_of(
        &self,
        repository: &Repository,
        commit: &str,
        run: RunId,
    ) -> Result<bool, StepError> {
        let at = format!("{}/repository/commits/{commit}", repository.path());
        let found: Option<Commit> = self.find(&at).await?;
        let trailer = format!("{TRAILER}{run}");
        Ok(found.is_some_and(|commit| commit.message.lines().any(|line| line == trailer)))
    }
}
