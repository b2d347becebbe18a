//! Deleting an application, and waiting for its workloads to be gone.

use std::time::Duration;

use http::StatusCode;
use opstella_domain::ProjectSlug;
use opstella_domain::naming::KubernetesName;
use tokio::time::{Instant, sleep};

use super::ArgoCd;
use super::client::Place;
use super::ensure::still_being_deleted;
use crate::mark::Mark;
use crate::{Removed, StepContext, StepError};

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

impl ArgoCd {
    /// Deletes the application with its workloads, if it is the service's; also if people moved it to another project.
    pub(super) async fn remove_application(
        &self,
        application: &KubernetesName,
        project: &ProjectSlug,
        context: &StepContext,
    ) -> Result<Removed, StepError> {
        let name = application.as_str();
        let expected = Place::Application {
            name,
            project: project.as_str(),
        };
        let there = match self.read(expected).await? {
            Some(there) => there,
            None => match self.read_anywhere(name).await? {
                Some(there) => there,
                None => return Ok(Removed::Absent),
            },
        };
        let ownership = there.ownership(&Mark::service(&context.owner));
        let its_project = there.text("/spec/project").to_owned();
        let place = Place::Application {
            name,
            project: &its_project,
        };
        if !ownership.allows(context) {
            self.give_back(place, there, &ownership, context).await?;
            return Ok(Removed::Kept);
        }
        if !there.is_being_deleted() {
            match self.delete(place).await? {
                Ok(()) => {}
                Err(answer) if answer.is(StatusCode::NOT_FOUND) => return Ok(Removed::Absent),
                Err(answer) => return Err(answer.refused()),
            }
        }
        self.wait_until_gone(place).await
    }

    async fn wait_until_gone(&self, place: Place<'_>) -> Result<Removed, StepError> {
        let until = Instant::now() + self.patience;
        let mut pause = FIRST_PAUSE;
        while self.read(place).await?.is_some() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(still_being_deleted(place));
            }
            sleep(pause.min(left)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Ok(Removed::Deleted)
    }
}
