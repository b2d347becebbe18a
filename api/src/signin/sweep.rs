//! Sessions that are over are ended, also if nobody comes back to them; and what ended gets on record, also where whoever
//! ended it did not come to that.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::ending::Ending;
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
        let aged = Ending::by_itself("the session reached its longest time");
        let idle = Ending::by_itself("the session was idle for too long");
        for _ in 0..MOST {
            let (ended, more) = self.inner.store.sweep(&aged, &idle).await?;
            for session in ended {
                self.record(&session).await;
            }
            if !more {
                break;
            }
        }
        for session in self.inner.store.unrecorded().await? {
            self.record(&session).await;
        }
        Ok(())
    }
}
