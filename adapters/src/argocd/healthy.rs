//! The commit of the run is deployed, and the application is Healthy and runs the image: looked at, again and again.
//! What somebody commits meanwhile makes the application OutOfSync, and is not what is judged here.

use chrono::Utc;
use opstella_domain::release::Digest;
use opstella_domain::resource::{Provenance, StepOutcome};

use super::ArgoCd;
use super::deploy::Target;
use super::sync::failed;
use crate::{StepContext, StepError};

impl ArgoCd {
    pub(super) async fn ensure_healthy(
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
        if let Some(why) = there.failure(revision) {
            return Err(failed(target.place, why));
        }
        let deployed = there.is_synced() || revision.is_some_and(|revision| there.has_deployed(revision));
        let (health, runs) = (there.health(), there.runs(target.image, digest));
        if deployed && health == "Healthy" && runs {
            return Ok(self.step_outcome(target, "rollout", &there, Provenance::Existing));
        }
        let ill = deployed && health == "Degraded";
        if ill && there.is_ill_of(target.image, digest, self.grace, Utc::now()) {
            return Err(StepError::Permanent {
                message: format!(
                    "Argo CD reports Degraded: {} (application `{}`)",
                    there.trouble(),
                    target.place.name()
                ),
            });
        }
        let what = match (deployed, runs) {
            (false, _) => "is not synced yet".to_owned(),
            (true, false) => format!("is {health} and does not run {digest} yet"),
            (true, true) => format!("is {health}"),
        };
        Err(self.awaited(target, &what))
    }
}
