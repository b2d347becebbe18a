//! The tag by which the registry says what an environment runs.
//!
//! A tag is on one artifact of a repository, and Harbor moves none: it is taken from the one and put on the other. It can
//! hold no mark, so it is ours by where it points: whoever pointed it elsewhere than we did meant that.

use http::StatusCode;
use opstella_domain::Environment;
use opstella_domain::release::Digest;
use opstella_domain::resource::{Provenance, StepOutcome};
use serde_json::json;

use super::Harbor;
use super::artifact::{Repository, missing};
use super::client::confirmed;
use super::ownership::Ownership;
use crate::http::{Answer, segment};
use crate::{Removed, StepContext, StepError};

const KIND: &str = "environment tag";
/// How often somebody else may get in between before the step is left to a later attempt.
const ROUNDS: usize = 3;

/// A tag, and where it is to point.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tag<'a> {
    repository: Repository<'a>,
    name: &'static str,
    digest: &'a Digest,
    previous: Option<&'a Digest>,
}

impl<'a> Tag<'a> {
    pub(super) fn of(
        repository: Repository<'a>,
        environment: Environment,
        digest: &'a Digest,
        previous: Option<&'a Digest>,
    ) -> Self {
        Self {
            repository,
            name: environment.slug(),
            digest,
            previous,
        }
    }
}

/// What came of putting a tag on an artifact.
enum Put {
    /// It is there.
    Done,
    /// Somebody else put it somewhere meanwhile.
    Taken,
    /// There is no such artifact.
    NoArtifact,
}

impl Harbor {
    pub(super) async fn ensure_tag(
        &self,
        tag: Tag<'_>,
        context: &StepContext,
    ) -> Result<StepOutcome, StepError> {
        let project = self.container(tag.repository.project, context).await?;
        let provenance = self.point(tag, context).await?;
        let (repository, name) = (tag.repository, tag.name);
        let name = format!("{}/{}:{name}", repository.project, repository.name);
        let page = repository.page(tag.digest);
        Ok(self.outcome(KIND, &name, &project, &page, provenance))
    }

    /// Points the tag at the digest.
    async fn point(&self, tag: Tag<'_>, context: &StepContext) -> Result<Provenance, StepError> {
        let mut moved = false;
        for _ in 0..ROUNDS {
            if let Some(there) = self.artifact(tag.repository, tag.name).await? {
                if there.digest == tag.digest.as_str() {
                    // An earlier attempt whose answer was lost may have put it there; it was there before us only if it
                    // was to be.
                    let ours = moved || (context.retried && tag.previous != Some(tag.digest));
                    return Ok(if ours {
                        Provenance::Created
                    } else {
                        Provenance::Existing
                    });
                }
                // Not before the tag can go there: the environment would be without.
                if self
                    .artifact(tag.repository, tag.digest.as_str())
                    .await?
                    .is_none()
                {
                    return Err(missing(tag.repository, tag.digest));
                }
                self.take_off(tag, &there.digest).await?;
            }
            match self.put_on(tag, tag.digest).await? {
                Put::Done => return Ok(Provenance::Created),
                Put::Taken => moved = true,
                Put::NoArtifact => return Err(missing(tag.repository, tag.digest)),
            }
        }
        Err(contended(tag))
    }

    /// Puts the tag back, if nobody has pointed it elsewhere since.
    pub(super) async fn remove_tag(&self, tag: Tag<'_>, context: &StepContext) -> Result<Removed, StepError> {
        if tag.previous == Some(tag.digest) {
            return Ok(Removed::Kept);
        }
        let Some(project) = self.project(tag.repository.project).await? else {
            return Ok(Removed::Absent);
        };
        let ownership = self.ownership_of(&project, false, context).await?;
        if matches!(ownership, Ownership::Foreign(_)) {
            return Ok(Removed::Kept);
        }
        for _ in 0..ROUNDS {
            let there = self.artifact(tag.repository, tag.name).await?;
            match &there {
                Some(there) if there.digest == tag.digest.as_str() => {
                    self.take_off(tag, tag.digest.as_str()).await?;
                }
                Some(there) if tag.previous.is_some_and(|p| there.digest == p.as_str()) => {
                    return Ok(Removed::Absent);
                }
                Some(_) => return Ok(Removed::Kept),
                // Taken off the previous artifact, and never put on the new one; or there was none.
                None if tag.previous.is_none() => return Ok(Removed::Absent),
                None => {}
            }
            let Some(previous) = tag.previous else {
                return Ok(Removed::Deleted);
            };
            match self.put_on(tag, previous).await? {
                // A registry that has not kept the previous image has nothing to tag.
                Put::Done | Put::NoArtifact => return Ok(Removed::Deleted),
                Put::Taken => {}
            }
        }
        Err(contended(tag))
    }

    async fn take_off(&self, tag: Tag<'_>, digest: &str) -> Result<(), StepError> {
        let path = format!("{}/tags/{}", tag.repository.artifact(digest), segment(tag.name));
        let answer = self.http.delete(path.as_str()).send().await?;
        if answer.is(StatusCode::PRECONDITION_FAILED) {
            return Err(immutable(tag, &answer));
        }
        // Gone already: somebody else moves it, which the next look tells.
        match answer.found()? {
            Some(answer) => confirmed(&answer),
            None => Ok(()),
        }
    }

    async fn put_on(&self, tag: Tag<'_>, digest: &Digest) -> Result<Put, StepError> {
        let path = format!("{}/tags", tag.repository.artifact(digest.as_str()));
        let answer = self
            .http
            .post(path)
            .json(&json!({ "name": tag.name }))
            .send()
            .await?;
        match answer.status {
            StatusCode::CONFLICT => Ok(Put::Taken),
            StatusCode::NOT_FOUND => Ok(Put::NoArtifact),
            StatusCode::PRECONDITION_FAILED => Err(immutable(tag, &answer)),
            _ => confirmed(&answer.success()?).map(|()| Put::Done),
        }
    }
}

/// A rule of the project holds the tag where it is.
fn immutable(tag: Tag<'_>, answer: &Answer) -> StepError {
    StepError::Permanent {
        message: format!(
            "Harbor: the tag `{}` of `{}/{}` cannot be moved: {}; except it from the project's rule of immutable tags",
            tag.name,
            tag.repository.project,
            tag.repository.name,
            answer.error_text()
        ),
    }
}

fn contended(tag: Tag<'_>) -> StepError {
    StepError::Transient {
        message: format!(
            "Harbor: the tag `{}` of `{}/{}` is being moved by somebody else",
            tag.name, tag.repository.project, tag.repository.name
        ),
        retry_after: None,
    }
}
