//! The application that a promotion holds: at rest before it, and brought back to what it ran when the promotion fails.
//!
//! What is brought back is what this run changed, and nothing else: the application goes back to the commit that was
//! deployed before this run's own. What people committed meanwhile is not deployed with it, and where this run has deployed
//! nothing, nothing is synced.

use opstella_domain::resource::{Commit, Provenance, StepOutcome};

use super::deploy::{Before, Target};
use super::object::Object;
use super::{ArgoCd, transient};
use crate::mark::Mark;
use crate::{Removed, StepContext, StepError};

impl ArgoCd {
    /// Nothing is changed. What is reported as made is the hold itself, so that it is undone; and the commit that is
    /// deployed, to go back to.
    pub(super) async fn ensure_held(
        &self,
        target: Target<'_>,
        context: &StepContext,
    ) -> Result<StepOutcome, StepError> {
        let there = self.ours(target, context).await?;
        if there.is_busy() {
            return Err(self.awaited(target, "is being synced by somebody else"));
        }
        let deployed = there.deployed().map(|revision| Commit {
            revision: revision.to_owned(),
            before: None,
        });
        Ok(StepOutcome {
            commit: deployed,
            ..self.step_outcome(target, "hold", &there, Provenance::Created)
        })
    }

    /// Brings back what ran, and waits for that. It comes last in unwinding: the repository names what it named before.
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
        // There was nothing to sync to.
        let Some(commit) = &context.commit else {
            return Ok(Removed::Absent);
        };
        let (ours, newest) = (commit.revision.as_str(), there.newest_revision());
        if there.is_busy() {
            // A hook may never come to its end.
            if newest == ours && !there.is_ending() {
                self.terminate(target.place).await?;
            }
            return Err(self.awaited(target, "is still being synced"));
        }
        // Where nothing was ever deployed, the repository's commit before this run's: with the template's image.
        let held = commit.before.as_deref();
        let back = held.filter(|held| *held != ours).or(there.deployed_before(ours));
        if newest == ours {
            // It was deployed before this run, too: what it found in the repository and deployed again.
            if held == Some(ours) && before.digest.is_some_and(|d| there.runs(target.image, d)) {
                return self.is_back(target, before, &there);
            }
            let back = back.ok_or_else(|| stays(target, "is not known to have run anything before"))?;
            self.sync_back(target, &there, back, context).await?;
            return Err(self.awaited(target, "is being synced back to what it ran before"));
        }
        let deployed = there.remembers(ours);
        if back == Some(newest) && (deployed || there.synced_since(context.run_started)) {
            if let Some(why) = there.failure(back) {
                self.sync_back(target, &there, newest, context).await?;
                // Counted, so that it is not asked for again for ever.
                return Err(transient(format!(
                    "Argo CD: the application `{}` could not be synced back to what it ran before: {why}",
                    target.place.name()
                )));
            }
            return self.is_back(target, before, &there);
        }
        // This run has deployed nothing, or somebody has deployed something else since: that stays.
        let another = before
            .digest
            .and_then(|digest| there.runs_another(target.image, digest));
        match another.filter(|_| deployed) {
            Some(runs) => Err(stays(
                target,
                &format!("runs {runs}, which is not what it ran before"),
            )),
            None => Ok(Removed::Absent),
        }
    }

    async fn sync_back(
        &self,
        target: Target<'_>,
        there: &Object,
        revision: &str,
        context: &StepContext,
    ) -> Result<bool, StepError> {
        let prune = there.prunes(&Mark::service(&context.owner));
        self.ask_for_sync(target.place, prune, Some(revision)).await
    }

    /// It was synced back: whether what ran before runs again. Whoever was ill before this run may stay so.
    fn is_back(&self, target: Target<'_>, before: Before<'_>, there: &Object) -> Result<Removed, StepError> {
        let Some(digest) = before.digest else {
            return Ok(Removed::Absent);
        };
        match (there.health(), there.runs(target.image, digest)) {
            ("Healthy", true) => Ok(Removed::Absent),
            ("Degraded", true) if before.was_ill => Ok(Removed::Absent),
            (health, runs) => {
                let what = match runs {
                    true => format!("is {health}, back to what it ran before"),
                    false => format!("is {health} and does not run {digest} again"),
                };
                Err(self.awaited(target, &what))
            }
        }
    }
}

/// What runs cannot be told to be what ran before, or be made so: somebody has to look.
fn stays(target: Target<'_>, what: &str) -> StepError {
    StepError::Permanent {
        message: format!(
            "Argo CD: the application `{}` {what}; sync it to what it is to run, then retry the step, or skip it, which \
             leaves what runs",
            target.place.name()
        ),
    }
}
