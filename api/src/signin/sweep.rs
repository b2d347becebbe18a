//! Sessions that are over are deleted, and their end recorded, also if nobody comes back to them.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::end::by_itself;
use super::{SignIn, SignInError};

const EVERY: Duration = Duration::from_secs(60);
/// Batches in one round: the rest has time until the next.
const MOST: usize = 20;

impl SignIn {
    /// Sweeps until cancelled.
    pub async fn keep_swept(&self, cancel: CancellationToken) {
        loop {
            if let Err(error) = self.sweep().await {
                tracing::warn!(%error, "sessions that are over could not be swept");
            }
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = cancel.cancelled() => return,
            }
        }
    }

    /// Sweeps once.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn sweep(&self) -> Result<(), SignInError> {
        for _ in 0..MOST {
            let (ended, more) = self.inner.store.sweep().await?;
            for session in ended {
                let reason = if session.aged {
                    "the session reached its longest time"
                } else {
                    "the session was idle for too long"
                };
                self.record(&by_itself(), &session, reason).await;
            }
            if !more {
                break;
            }
        }
        Ok(())
    }
}
