//! Whose a quality project is.

use opstella_domain::RunId;
use opstella_domain::naming::QualityKey;
use opstella_domain::resource::Provenance;
use serde::Deserialize;

use super::{SonarQube, foreign};
use crate::mark::Mark;
use crate::{Removal, StepContext, StepError};

/// On every project that is ours.
pub(super) const TAG: &str = "opstella";
/// Before the run that adopted a project that was there. No tag says that a run made such a one.
pub(super) const ADOPTED_TAG: &str = "opstella-adopted-run-";
/// Before the run that made the project.
pub(super) const RUN_TAG: &str = "opstella-run-";

/// A project as SonarQube tells of it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Project {
    pub name: String,
    #[serde(default)]
    pub tags: Vec<String>,
    #[serde(default)]
    pub visibility: Option<String>,
}

#[derive(Deserialize)]
struct Shown {
    component: Project,
}

/// Whose it is, seen by a run of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ownership {
    /// A run of the service made it; whether its tags say so, or its name alone.
    Ours { run: RunId, tagged: bool },
    /// It was there and was adopted; by which run, if it is known.
    Adopted { by: Option<RunId> },
    /// Somebody else's.
    Foreign,
}

impl Ownership {
    /// Whether this removal may take what belongs to the project.
    pub(super) fn allows(self, context: &StepContext) -> bool {
        match (self, context.removal) {
            (Self::Ours { run, .. }, Removal::ThisRun) => run == context.owner.run,
            (Self::Ours { .. }, Removal::Service) => true,
            _ => false,
        }
    }

    /// Whether this removal takes our tags off a project that stays.
    pub(super) fn comes_off(self, context: &StepContext) -> bool {
        match (self, context.removal) {
            (Self::Adopted { by }, Removal::ThisRun) => by == Some(context.owner.run),
            (Self::Adopted { .. }, Removal::Service) => true,
            _ => false,
        }
    }

    /// What the project is to the context's run; none if it is somebody else's.
    pub(super) fn provenance(self, context: &StepContext) -> Option<Provenance> {
        match self {
            Self::Ours { run, .. } if run == context.owner.run => Some(Provenance::Created),
            Self::Adopted { by } if by == Some(context.owner.run) => Some(Provenance::Adopted),
            Self::Ours { .. } | Self::Adopted { .. } => Some(Provenance::Existing),
            Self::Foreign => None,
        }
    }
}

impl Project {
    /// By its tags, or by its name where they do not say which run made it. The key says already which service's a
    /// tagged one is.
    pub(super) fn ownership(&self, context: &StepContext) -> Ownership {
        let has = |tag: &str| self.tags.iter().any(|t| t == tag);
        let after = |prefix: &'static str| self.tags.iter().filter_map(move |tag| tag.strip_prefix(prefix));
        if let Some(run) = after(ADOPTED_TAG).next() {
            return Ownership::Adopted { by: run.parse().ok() };
        }
        let mut runs = after(RUN_TAG);
        let run = runs.find_map(|run| run.parse().ok());
        if let Some(run) = run.filter(|_| has(TAG)) {
            return Ownership::Ours { run, tagged: true };
        }
        let mark = Mark::find(&self.name).filter(|mark| mark.is_of_service(&context.owner.service));
        match mark.and_then(|mark| mark.run) {
            Some(run) => Ownership::Ours { run, tagged: false },
            None => Ownership::Foreign,
        }
    }

    /// People's tags, and these of ours.
    pub(super) fn tags_with(&self, ours: &[&str]) -> Vec<String> {
        let is_ours =
            |tag: &str| tag == TAG || [ADOPTED_TAG, RUN_TAG].iter().any(|ours| tag.starts_with(ours));
        let theirs = self.tags.iter().map(String::as_str).filter(|tag| !is_ours(tag));
        theirs.chain(ours.iter().copied()).map(str::to_owned).collect()
    }
}

impl SonarQube {
    /// The project of a key.
    pub(super) async fn project(&self, key: &QualityKey) -> Result<Option<Project>, StepError> {
        let found: Option<Shown> = self
            .ask("components/show", &[("component", key.as_str())])
            .await?;
        Ok(found.map(|found| found.component))
    }

    /// Whose the project is that something is to be made in.
    pub(super) async fn container(
        &self,
        key: &QualityKey,
        context: &StepContext,
    ) -> Result<Ownership, StepError> {
        let project = self.project(key).await?.ok_or_else(|| StepError::Permanent {
            message: format!("SonarQube: there is no project `{key}`; it was deleted meanwhile: retry the step that makes it"),
        })?;
        match project.ownership(context) {
            Ownership::Foreign if !context.adopt => Err(foreign("project", key.as_str())),
            ownership => Ok(ownership),
        }
    }
}
