//! The application is Synced and Healthy and runs the image: looked at, again and again.

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
        if let Some(why) = there.failure() {
            return Err(failed(target.place, why));
        }
        let (synced, health, runs) = (
            there.is_synced(),
            there.health(),
            there.runs(target.image, digest),
        );
        if synced && health == "Healthy" && runs {
            return Ok(self.step_outcome(target, "rollout", &there, Provenance::Existing));
        }
        // Before the sync has come to an end it may be what ran before that is ill.
        if synced && health == "Degraded" {
            return Err(StepError::Permanent {
                message: format!(
                    "Argo CD reports Degraded: {} (application `{}`)",
                    there.trouble(),
                    target.place.name()
                ),
            });
        }
        let what = match (synced, runs) {
            (false, _) => "is not synced yet".to_owned(),
            (true, false) => format!("is {health} and does not run {digest} yet"),
            (true, true) => format!("is {health}"),
        };
        Err(self.awaited(target, &what))
    }
}
