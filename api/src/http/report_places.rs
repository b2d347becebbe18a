//! Places for reports that are being read. Of one report, the size is bounded; of all of them, this bounds it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::config::LimitsConfig;
use crate::problem::{Problem, ProblemKind};

/// How long a request waits for a place: reading a report rarely takes longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A place, from before the report is received until it is stored.
pub type ReportPlace = OwnedSemaphorePermit;

/// Places for reports that are being read, in this process.
pub struct ReportPlaces {
    places: Arc<Semaphore>,
    many: usize,
}

impl ReportPlaces {
    /// The configured places.
    pub fn new(limits: &LimitsConfig) -> Self {
        let many = limits.reports_at_once;
        Self {
            places: Arc::new(Semaphore::new(many)),
            many,
        }
    }

    /// A place, as soon as there is one.
    ///
    /// # Errors
    /// [`ProblemKind::Busy`], with `Retry-After`, where there is none for a while.
    pub async fn take(&self) -> Result<ReportPlace, Problem> {
        let place = timeout(PATIENCE, Arc::clone(&self.places).acquire_owned()).await;
        match place {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) | Err(_) => Err(Problem::new(
                ProblemKind::Busy,
                format!("{} reports are being read, and no more are at once", self.many),
            )
            .hint("send it again after Retry-After; send few at once")
            .header("Retry-After", "5")
            // Its body is not received.
            .header("Connection", "close")),
        }
    }
}
