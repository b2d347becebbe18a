//! What the steps of a promotion have in common: the application that they are about, and waiting for it.

use opstella_domain::operation::Operation;
use opstella_domain::release::Digest;

use super::ArgoCd;
use super::client::Place;
use super::ensure::{foreign, still_being_deleted};
use super::object::Object;
use crate::mark::Mark;
use crate::{Observed, StepContext, StepError};

/// One step of a promotion.
#[derive(Debug, Clone, Copy)]
pub(super) enum Deploy<'a> {
    /// The application is ours and at rest; undoing it brings back what ran.
    Hold(Target<'a>, Before<'a>),
    /// A sync was asked for.
    Sync(Target<'a>, &'a Digest),
    /// The image runs, and well.
    Healthy(Target<'a>, &'a Digest),
}

/// What an application ran before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before<'a> {
    /// The image; none where nothing ran.
    pub digest: Option<&'a Digest>,
    /// Whether it was ill.
    pub was_ill: bool,
}

/// An application and its image.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    pub place: Place<'a>,
    /// Without tag.
    pub image: &'a str,
}

impl<'a> Deploy<'a> {
    /// The step of an operation, if it is one.
    pub(super) fn of(operation: &'a Operation) -> Option<Self> {
        let target = |application: &'a opstella_domain::naming::KubernetesName,
                      project: &'a opstella_domain::ProjectSlug,
                      image: &'a str| Target {
            place: Place::Application {
                name: application.as_str(),
                project: project.as_str(),
            },
            image,
        };
        match operation {
            Operation::ArgoHold {
                application,
                project,
                image,
                previous,
                was_ill,
                ..
            } => {
                let before = Before {
                    digest: previous.as_ref(),
                    was_ill: *was_ill,
                };
                Some(Self::Hold(target(application, project, image), before))
            }
            Operation::ArgoSync {
                application,
                project,
                image,
                digest,
            } => Some(Self::Sync(target(application, project, image), digest)),
            Operation::ArgoHealthy {
                application,
                project,
                image,
                digest,
                ..
            } => Some(Self::Healthy(target(application, project, image), digest)),
            _ => None,
        }
    }
}

impl ArgoCd {
    /// The application, if it is there and the service's, after a look into the repository.
    pub(super) async fn ours(&self, target: Target<'_>, context: &StepContext) -> Result<Object, StepError> {
        let name = target.place.name();
        let there = self.refreshed(target.place).await?.ok_or_else(|| StepError::Permanent {
            message: format!(
                "Argo CD: there is no application `{name}`; it was deleted meanwhile: add the environment again"
            ),
        })?;
        let ownership = there.ownership(&Mark::service(&context.owner));
        if ownership.is_foreign() {
            return Err(foreign(target.place, &ownership));
        }
        if there.is_being_deleted() {
            return Err(still_being_deleted(target.place));
        }
        Ok(there)
    }

    /// Under way in Argo CD: looked at again.
    pub(super) fn awaited(&self, target: Target<'_>, what: &str) -> StepError {
        StepError::Awaited {
            message: format!("Argo CD: the application `{}` {what}", target.place.name()),
            look_in: self.pause,
        }
    }

    /// What the application runs, and whether that is what the repository says. One that is not there runs nothing.
    pub(super) async fn observe_application(&self, target: Target<'_>) -> Result<Observed, StepError> {
        let there = self.refreshed(target.place).await?;
        Ok(there.map_or_else(Observed::missing, |there| there.observed()))
    }
}
