//! The application that a promotion holds: at rest before it, and brought back to what it ran when the promotion fails.

use opstella_domain::resource::{Provenance, StepOutcome};

use super::deploy::{Before, Target};
use super::{ArgoCd, transient};
use crate::mark::Mark;
use crate::{Removed, StepContext, StepError};

impl ArgoCd {
    /// Nothing is changed. What is reported as made is the hold itself, so that it is undone.
    pub(super) async fn ensure_held(
        &self,
        target: Target<'_>,
        context: &StepContext,
    ) -> Result<StepOutcome, StepError> {
        let there = self.ours(target, context).await?;
        if there.is_busy() {
            return Err(self.awaited(target, "is being synced by somebody else"));
        }
        Ok(self.step_outcome(target, "hold", &there, Provenance::Created))
    }

    /// Syncs the application to what its repository says now, and waits for that. It comes last in unwinding: the
    /// repository names what it named before.
    pub(super) async fn release_hold(
        &self,
        target: Target<'_>,
        before: Before<'_>,
        context: &StepContext,
    ) -> Result<Removed, StepError> {
        let Some(there) = self.refreshed(target.place).await? else {
            return Ok(Removed::Absent);
        };
        if there.ownership(&Mark::service(&context.owner)).is_foreign() || there.is_being_deleted() {
            return Ok(Removed::Kept);
        }
        if there.is_busy() {
            return Err(self.awaited(target, "is still being synced"));
        }
        // The promotion came to nothing before its sync, and there was nothing before it.
        if before.digest.is_none() && there.is_new() {
            return Ok(Removed::Absent);
        }
        if there.is_synced() {
            // Whoever was ill before this run may stay so.
            let as_before = before.digest.is_none() || !there.synced_since(context.run_started);
            let runs_before = before
                .digest
                .is_none_or(|digest| there.runs(target.image, digest));
            return match there.health() {
                _ if as_before => Ok(Removed::Absent),
                "Healthy" if runs_before => Ok(Removed::Absent),
                "Degraded" if runs_before && before.was_ill => Ok(Removed::Absent),
                // Its repository names something else: somebody's newer commit, which stays.
                "Healthy" => Ok(Removed::Kept),
                health => {
                    let what = format!("is {health}, back to what it ran before");
                    Err(self.awaited(target, &what))
                }
            };
        }
        let failure = there.failure().map(str::to_owned);
        let prune = there.prunes(&Mark::service(&context.owner));
        self.ask_for_sync(target.place, prune).await?;
        match failure {
            None => Err(self.awaited(target, "is being synced back to what it ran before")),
            // Counted, so that it is not asked for again for ever.
            Some(why) => Err(transient(format!(
                "Argo CD: the application `{}` could not be synced back to what it ran before: {why}",
                target.place.name()
            ))),
        }
    }
}
