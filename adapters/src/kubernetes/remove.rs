//! Making an object be gone.

use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use tokio::time::{Instant, sleep};

use super::ensure::being_deleted;
use super::objects::Managed;
use super::place::Place;
use super::{Kubernetes, kind, marks};
use crate::{Removal, Removed, StepContext, StepError};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

impl Kubernetes {
    /// Makes the object be gone, as far as the context allows.
    pub(super) async fn remove_object<K: Managed>(
        &self,
        place: &Place<'_>,
        context: &StepContext,
    ) -> Result<Removed, StepError> {
        let Some(found) = self.get::<K>(place).await? else {
            return Ok(Removed::Absent);
        };
        if let Some(namespace) = place.namespace
            && self.is_going(namespace).await?
        {
            return Ok(Removed::Absent);
        }
        let mark = marks::ours(found.meta(), context);
        let run = mark.as_ref().and_then(|mark| mark.run);
        let goes = match context.removal {
            Removal::ThisRun => run == Some(context.owner.run),
            Removal::Service => run.is_some(), // what was adopted has none
        };
        if !goes {
            let going = found.meta().deletion_timestamp.is_some();
            if mark.is_some_and(|mark| mark.comes_off(context)) && !going {
                self.patch::<K>(&marks::off(found.meta()), place).await?;
            }
            return Ok(Removed::Kept);
        }
        if found.meta().deletion_timestamp.is_none() {
            self.delete(&found, place).await?;
        }
        self.wait_until_gone(&found, place).await?;
        Ok(Removed::Deleted)
    }

    /// Whether a namespace takes along all that is in it.
    async fn is_going(&self, namespace: &str) -> Result<bool, StepError> {
        let found = self.get::<Namespace>(&Place::cluster(namespace)).await?;
        Ok(found.is_none_or(|namespace| namespace.metadata.deletion_timestamp.is_some()))
    }

    /// A deletion is done once all finalizers are: of a namespace, once everything in it is gone.
    async fn wait_until_gone<K: Managed>(&self, deleted: &K, place: &Place<'_>) -> Result<(), StepError> {
        let end = Instant::now() + self.patience;
        let mut pause = FIRST_PAUSE;
        while let Some(there) = self.get::<K>(place).await? {
            if there.meta().uid != deleted.meta().uid {
                break; // somebody made another one
            }
            if Instant::now() + pause > end {
                return Err(being_deleted(&kind::<K>(), place));
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Ok(())
    }
}
