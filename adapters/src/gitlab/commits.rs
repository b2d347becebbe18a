//! Commits that Opstella makes, and how it knows them again.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use opstella_domain::RunId;
use opstella_domain::operation::Owner;
use opstella_domain::resource::Commit as Made;
use serde::{Deserialize, Serialize};
use serde_json::json;

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
    /// Another content of a file, if nobody has changed it since that commit.
    Update {
        /// Where.
        file_path: &'a str,
        /// What is in it then.
        content: &'a str,
        /// The commit that changed it last.
        last_commit_id: String,
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

/// A file's newest commit.
#[derive(Deserialize)]
struct File {
    last_commit_id: String,
}

/// A file with what is in it.
#[derive(Deserialize)]
struct FullFile {
    /// The head of what was asked for.
    commit_id: String,
    last_commit_id: String,
    content: String,
}

/// A file as of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    /// What is in it.
    pub content: String,
    /// The commit that changed it last.
    pub last_commit: String,
    /// The head of the branch that it was read from.
    pub head: String,
}

#[derive(Deserialize)]
struct Commit {
    id: String,
    message: String,
    #[serde(default)]
    parent_ids: Vec<String>,
}

/// Somebody else committed at the same moment: what was decided no longer holds.
pub(super) struct Raced(pub String);

impl From<Raced> for StepError {
    fn from(Raced(message): Raced) -> Self {
        Self::Transient {
            message,
            retry_after: None,
        }
    }
}

impl Commit {
    fn is_of(&self, run: RunId) -> bool {
        let trailer = format!("{TRAILER}{run}");
        self.message.lines().any(|line| line == trailer)
    }

    fn made(self) -> Made {
        Made {
            revision: self.id,
            before: self.parent_ids.into_iter().next(),
        }
    }
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
        self.try_commit(repository, subject, owner, actions).await??;
        Ok(())
    }

    /// Makes a commit on the default branch, unless somebody else was faster.
    pub(super) async fn try_commit(
        &self,
        repository: &Repository,
        subject: &str,
        owner: &Owner,
        actions: &[Action<'_>],
    ) -> Result<Result<Made, Raced>, StepError> {
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
            return Ok(Err(Raced(message)));
        }
        let commit: Commit = answer.success()?.json()?;
        Ok(Ok(commit.made()))
    }

    /// A file of the default branch, or of a commit.
    pub(super) async fn text(
        &self,
        repository: &Repository,
        path: &str,
        commit: Option<&str>,
    ) -> Result<Option<Text>, StepError> {
        let reference = commit.unwrap_or(repository.branch());
        let at = format!(
            "{}/repository/files/{}?ref={}",
            repository.path(),
            segment(path),
            segment(reference)
        );
        let Some(file) = self.find::<FullFile>(&at).await? else {
            return Ok(None);
        };
        let content = STANDARD.decode(file.content.as_bytes()).ok();
        let content = content.and_then(|bytes| String::from_utf8(bytes).ok());
        let content = content.ok_or_else(|| StepError::Permanent {
            message: format!(
                "GitLab: `{path}` in `{}` is no text in UTF-8; make it one",
                repository.path_with_namespace
            ),
        })?;
        Ok(Some(Text {
            content,
            last_commit: file.last_commit_id,
            head: file.commit_id,
        }))
    }

    /// A commit, if this run made it.
    pub(super) async fn own_commit(
        &self,
        repository: &Repository,
        commit: &str,
        run: RunId,
    ) -> Result<Option<Made>, StepError> {
        let found = self.find_commit(repository, commit).await?;
        Ok(found.filter(|found| found.is_of(run)).map(Commit::made))
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
                    let of_run = self.own_commit(repository, &commit, run).await?.is_some();
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

    async fn find_commit(&self, repository: &Repository, commit: &str) -> Result<Option<Commit>, StepError> {
        self.find(&format!("{}/repository/commits/{commit}", repository.path()))
            .await
    }
}
