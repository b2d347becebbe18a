//! Whose a quality project is.

use opstella_domain::naming::QualityKey;
use opstella_domain::resource::Provenance;
use opstella_domain::{InstallationId, RunId};
use serde::Deserialize;

use super::{SonarQube, foreign};
use crate::mark::Mark;
use crate::{Removal, StepContext, StepError};

/// On every project that is ours.
const TAG: &str = "opstella";
/// Before the installation of Opstella whose it is.
const INSTALLATION_TAG: &str = "opstella-installation-";
/// Before the run that adopted a project that was there. No tag says that a run made such a one.
const ADOPTED_TAG: &str = "opstella-adopted-run-";
/// Before the run that made the project.
const RUN_TAG: &str = "opstella-run-";

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
    /// Somebody else's; of which other installation of Opstella, if its mark says so.
    Foreign(Option<InstallationId>),
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
            Self::Foreign(_) => None,
        }
    }
}

/// The tags of a project that this run of an installation made.
pub(super) fn made_by(installation: InstallationId, run: RunId) -> [String; 3] {
    tags(installation, RUN_TAG, run)
}

/// The tags of a project that this run of an installation adopted.
pub(super) fn adopted_by(installation: InstallationId, run: RunId) -> [String; 3] {
    tags(installation, ADOPTED_TAG, run)
}

fn tags(installation: InstallationId, how: &str, run: RunId) -> [String; 3] {
    [
        TAG.to_owned(),
        format!("{INSTALLATION_TAG}{installation}"),
        format!("{how}{run}"),
    ]
}

impl Project {
    /// By its tags, or by its name where they do not say which run made it. The key says already which service's a
    /// tagged one is; the tags of another installation make it foreign, whatever its name says.
    pub(super) fn ownership(&self, context: &StepContext) -> Ownership {
        let owner = &context.owner;
        let has = |tag: &str| self.tags.iter().any(|t| t == tag);
        let after = |prefix: &'static str| self.tags.iter().filter_map(move |tag| tag.strip_prefix(prefix));
        let mut installations = after(INSTALLATION_TAG).map(|id| id.parse().ok());
        let tagged = installations.clone().next().is_some();
        if let Some(another) = installations.find(|id| *id != Some(owner.installation)) {
            return Ownership::Foreign(another);
        }
        if let Some(run) = after(ADOPTED_TAG).next().filter(|_| tagged) {
            return Ownership::Adopted { by: run.parse().ok() };
        }
        let run = after(RUN_TAG).find_map(|run| run.parse().ok());
        if let Some(run) = run.filter(|_| tagged && has(TAG)) {
            return Ownership::Ours { run, tagged: true };
        }
        let mark = Mark::find(&self.name);
        let another = mark.as_ref().and_then(|mark| mark.of_another(owner));
        match mark
            .filter(|mark| mark.is_of_service(owner))
            .and_then(|mark| mark.run)
        {
            Some(run) => Ownership::Ours { run, tagged: false },
            None => Ownership::Foreign(another),
        }
    }

    /// People's tags, and those of our mark, if it is to have one.
    pub(super) fn tags_with(&self, ours: Option<[String; 3]>) -> Vec<String> {
        let marks = [INSTALLATION_TAG, ADOPTED_TAG, RUN_TAG];
        let is_ours = |tag: &str| tag == TAG || marks.iter().any(|mark| tag.starts_with(mark));
        let theirs = self.tags.iter().filter(|tag| !is_ours(tag)).cloned();
        theirs.chain(ours.into_iter().flatten()).collect()
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
            Ownership::Foreign(another) if !context.adopt => Err(foreign("project", key.as_str(), another)),
            ownership => Ok(ownership),
        }
    }
}
