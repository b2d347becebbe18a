//! A sync of the application to the commit that names the image: asked for, not waited for. What somebody else commits after
//! it is not deployed with it.

use opstella_domain::release::Digest;
use opstella_domain::resource::{Provenance, StepOutcome};

use super::ArgoCd;
use super::client::Place;
use super::deploy::Target;
use super::object::Object;
use crate::mark::Mark;
use crate::{StepContext, StepError};

impl ArgoCd {
    pub(super) async fn ensure_sync(
        &self,
        target: Target<'_>,
        digest: &Digest,
        context: &StepContext,
    ) -> Result<StepOutcome, StepError> {
        let there = self.ours(target, context).await?;
        if there.is_busy() {
            return Err(self.awaited(target, "is being synced"));
        }
        let revision = context.commit.as_ref().map(|commit| commit.revision.as_str());
        let since = there.synced_since(context.run_started);
        // An earlier try asked for it, and its answer was lost.
        if since && revision.is_some_and(|revision| there.has_deployed(revision)) {
            return Ok(self.step_outcome(target, "sync", &there, Provenance::Created));
        }
        if there.is_synced() && there.runs(target.image, digest) {
            return Ok(self.step_outcome(target, "sync", &there, Provenance::Existing));
        }
        // One that this run asked for; an older one may have failed for a reason that is mended.
        if let Some(why) = there.failure(revision)
            && since
        {
            return Err(failed(target.place, why));
        }
        let prune = there.prunes(&Mark::service(&context.owner));
        if !self.ask_for_sync(target.place, prune, revision).await? {
            return Err(self.awaited(target, "is being synced"));
        }
        Ok(self.step_outcome(target, "sync", &there, Provenance::Created))
    }

    /// What a step of a promotion reports: the application's page, under a kind of its own, since the application
    /// itself is another step's.
    pub(super) fn step_outcome(
        &self,
        target: Target<'_>,
        kind: &str,
        there: &Object,
        provenance: Provenance,
    ) -> StepOutcome {
        let mut outcome = self.outcome(target.place, there, provenance);
        kind.clone_into(&mut outcome.resource.kind);
        outcome
    }
}

/// A sync that did not work.
pub(super) fn failed(place: Place<'_>, why: &str) -> StepError {
    StepError::Permanent {
        message: format!(
            "Argo CD: the sync of the application `{}` failed: {why}; mend what it names in the repository or the \
             cluster, then promote again",
            place.name()
        ),
    }
}
