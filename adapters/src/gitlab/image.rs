//! The image that an environment's overlay names: one commit that changes just that.
//!
//! Each commit says which one it was made on top of, so that GitLab refuses it when somebody was faster. What is undone
//! is the digest that this run named, as long as the file names it; whatever else people wrote in the file stays. A digest
//! that somebody else named since stays too: what runs is brought back by the application's hold all the same.

use opstella_domain::Environment;
use opstella_domain::naming::RepositoryPath;
use opstella_domain::operation::Operation;
use opstella_domain::release::{Digest, ReleaseVersion};
use opstella_domain::resource::{Commit, Provenance, StepOutcome};

use super::GitLab;
use super::commits::{Action, Raced, Text};
use super::kustomization::{ENTRY, image_of, with_image};
use super::repository::Repository;
use crate::{Removed, StepContext, StepError};

const KIND: &str = "image";
/// How often somebody else may be faster before the step is left to a later attempt.
const ROUNDS: usize = 3;

/// Which image an overlay is to name.
#[derive(Debug, Clone)]
pub(super) struct Change<'a> {
    path: String,
    environment: Environment,
    image: &'a str,
    digest: &'a Digest,
    previous: Option<&'a Digest>,
    release: &'a ReleaseVersion,
}

impl<'a> Change<'a> {
    /// The change of an operation, if it is one.
    pub(super) fn of(operation: &'a Operation) -> Option<Self> {
        match operation {
            Operation::GitlabImage {
                environment,
                image,
                digest,
                previous,
                release,
                ..
            } => Some(Self {
                path: format!("deploy/{}/kustomization.yaml", environment.slug()),
                environment: *environment,
                image,
                digest,
                previous: previous.as_ref(),
                release,
            }),
            _ => None,
        }
    }

    /// The overlay with a digest.
    fn text(&self, there: &Text, digest: &Digest, repository: &RepositoryPath) -> Result<String, StepError> {
        with_image(&there.content, self.image, digest).ok_or_else(|| self.no_entry(repository))
    }

    /// The image was named before this run. Where something else runs, an earlier run was given up after its commit: from
    /// now on it is this run's to undo.
    fn found(&self, there: Text) -> (Commit, Provenance) {
        let provenance = match self.previous == Some(self.digest) {
            true => Provenance::Existing,
            false => Provenance::Created,
        };
        let commit = Commit {
            revision: there.head,
            before: None,
        };
        (commit, provenance)
    }

    fn no_entry(&self, repository: &RepositoryPath) -> StepError {
        StepError::Permanent {
            message: format!(
                "GitLab: `{}` in `{repository}` has no entry `{ENTRY}` under `images:`; add\nimages:\n  - name: \
                 {ENTRY}\n    newName: {}\nand name `{ENTRY}` as the image of the deployment",
                self.path, self.image
            ),
        }
    }

    /// Somebody has changed the file since, and it named no digest before that could be put back.
    fn stays(&self, repository: &RepositoryPath) -> StepError {
        StepError::Permanent {
            message: format!(
                "GitLab: `{}` in `{repository}` names {} and was changed since: name in it what it named before, then \
                 retry the step, or skip it, which leaves that image named",
                self.path, self.digest
            ),
        }
    }

    fn no_file(&self, repository: &RepositoryPath) -> StepError {
        StepError::Permanent {
            message: format!(
                "GitLab: there is no `{}` in `{repository}`; add the overlay of {}, with an entry `{ENTRY}` under \
                 `images:`",
                self.path,
                self.environment.as_str()
            ),
        }
    }
}

impl GitLab {
    pub(super) async fn ensure_image(
        &self,
        path: &RepositoryPath,
        change: &Change<'_>,
        context: &StepContext,
    ) -> Result<StepOutcome, StepError> {
        let repository = self.container(path, context).await?;
        // No pipeline starts: there is nothing new to build, and in DEV what it built would be deployed again.
        let environment = change.environment.as_str();
        let subject = format!("Deploy {} to {environment} [skip ci]", change.release);
        for _ in 0..ROUNDS {
            let there = self.text(&repository, &change.path, None).await?;
            let there = there.ok_or_else(|| change.no_file(path))?;
            let wanted = change.text(&there, change.digest, path)?;
            let (commit, provenance) = if wanted == there.content {
                let (commit, run) = (&there.last_commit, context.owner.run);
                match self.own_commit(&repository, commit, run).await? {
                    Some(own) => (own, Provenance::Created),
                    None => change.found(there),
                }
            } else {
                match self
                    .replace(&repository, change, &there, &wanted, &subject, context)
                    .await?
                {
                    Ok(made) => (made, Provenance::Created),
                    Err(_) => continue,
                }
            };
            let name = format!("{path}: {}", change.path);
            let page = format!("{path}/-/blob/{}/{}", repository.branch(), change.path);
            return Ok(StepOutcome {
                commit: Some(commit),
                ..self.outcome(KIND, &name, &page, provenance)
            });
        }
        Err(contended(path, change))
    }

    /// Brings back the image that the overlay named, if it still names the one of this run.
    pub(super) async fn remove_image(
        &self,
        path: &RepositoryPath,
        change: &Change<'_>,
        context: &StepContext,
    ) -> Result<Removed, StepError> {
        let Some(repository) = self.repository_to_undo(path, context).await? else {
            return Ok(Removed::Absent);
        };
        let environment = change.environment.as_str();
        let subject = format!(
            "Undo the deployment of {} to {environment} [skip ci]",
            change.release
        );
        for _ in 0..ROUNDS {
            let Some(there) = self.text(&repository, &change.path, None).await? else {
                return Ok(Removed::Absent);
            };
            let named = image_of(&there.content).and_then(|image| image.digest);
            if named.as_deref() != Some(change.digest.as_str()) {
                let as_before = named.as_deref() == change.previous.map(Digest::as_str);
                return Ok(if as_before { Removed::Absent } else { Removed::Kept });
            }
            let (commit, run) = (&there.last_commit, context.owner.run);
            let own = self.own_commit(&repository, commit, run).await?;
            let committed = own.is_some() || context.commit.as_ref().is_some_and(|c| c.before.is_some());
            let before = match (change.previous, own.and_then(|own| own.before)) {
                (Some(previous), _) if committed || context.commit.is_some() => {
                    change.text(&there, previous, path)?
                }
                (None, Some(parent)) => match self.text(&repository, &change.path, Some(&parent)).await? {
                    Some(before) => before.content,
                    None => return Err(change.stays(path)),
                },
                (None, None) if committed => return Err(change.stays(path)),
                // The run came to nothing before it named the image; somebody else had named it.
                _ => return Ok(Removed::Kept),
            };
            if self
                .replace(&repository, change, &there, &before, &subject, context)
                .await?
                .is_ok()
            {
                return Ok(Removed::Deleted);
            }
        }
        Err(contended(path, change))
    }

    async fn replace(
        &self,
        repository: &Repository,
        change: &Change<'_>,
        there: &Text,
        content: &str,
        subject: &str,
        context: &StepContext,
    ) -> Result<Result<Commit, Raced>, StepError> {
        let action = Action::Update {
            file_path: &change.path,
            content,
            last_commit_id: there.last_commit.clone(),
        };
        self.try_commit(repository, subject, &context.owner, &[action])
            .await
    }
}

fn contended(repository: &RepositoryPath, change: &Change<'_>) -> StepError {
    StepError::Transient {
        message: format!(
            "GitLab: `{}` in `{repository}` is being changed by somebody else",
            change.path
        ),
        retry_after: None,
    }
}
