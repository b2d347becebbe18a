//! The image of a release: only looked at.

use opstella_domain::ComponentName;
use opstella_domain::naming::RegistryProject;
use opstella_domain::release::Digest;
use opstella_domain::resource::{Provenance, StepOutcome};
use serde::Deserialize;

use super::{Harbor, project};
use crate::http::segment;
use crate::{StepContext, StepError};

const KIND: &str = "artifact";

/// A repository of a project: the images of a component.
#[derive(Debug, Clone, Copy)]
pub(super) struct Repository<'a> {
    pub project: &'a RegistryProject,
    pub name: &'a ComponentName,
}

/// An image, as far as we look at it.
#[derive(Deserialize)]
pub(super) struct Artifact {
    pub digest: String,
}

impl<'a> Repository<'a> {
    pub(super) fn of(project: &'a RegistryProject, name: &'a ComponentName) -> Self {
        Self { project, name }
    }

    /// Where one of its artifacts is in the API, by digest or tag.
    pub(super) fn artifact(self, reference: &str) -> String {
        // Twice, because proxies decode once: so Harbor wants it.
        let name = segment(&segment(self.name.as_str()));
        let below = project::path(self.project);
        format!("{below}/repositories/{name}/artifacts/{}", segment(reference))
    }

    /// The page about one of its artifacts, below the project's.
    pub(super) fn page(self, digest: &Digest) -> String {
        format!("repositories/{}/artifacts-tab/artifacts/{digest}", self.name)
    }
}

impl Harbor {
    /// The artifact of a digest or tag.
    pub(super) async fn artifact(
        &self,
        repository: Repository<'_>,
        reference: &str,
    ) -> Result<Option<Artifact>, StepError> {
        let answer = self.http.get(repository.artifact(reference)).send().await?;
        answer.found()?.map(|answer| answer.json()).transpose()
    }

    pub(super) async fn ensure_artifact(
        &self,
        repository: Repository<'_>,
        digest: &Digest,
        context: &StepContext,
    ) -> Result<StepOutcome, StepError> {
        let project = self.container(repository.project, context).await?;
        if self.artifact(repository, digest.as_str()).await?.is_none() {
            return Err(missing(repository, digest));
        }
        let name = format!("{}/{}@{digest}", repository.project, repository.name);
        let page = repository.page(digest);
        Ok(self.outcome(KIND, &name, &project, &page, Provenance::Existing))
    }
}

/// The refusal to go on without the image.
pub(super) fn missing(repository: Repository<'_>, digest: &Digest) -> StepError {
    StepError::Permanent {
        message: format!(
            "Harbor: there is no image `{}/{}@{digest}`; it was never pushed, or has been deleted: push it again, or \
             promote a release whose images are there",
            repository.project, repository.name
        ),
    }
}
