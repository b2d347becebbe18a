//! What loops in the background have in common: pauses that end when it is time to stop, and following the journal whatever
//! happens to it.

use std::time::Duration;

use opstella_journal::JournalError;
use tokio_util::sync::CancellationToken;

/// First pause after the journal could not be followed; doubled up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Waits, unless it is time to stop: then `false`.
pub(crate) async fn pause(stop: &CancellationToken, time: Duration) -> bool {
    tokio::select! {
        () = tokio::time::sleep(time) => true,
        () = stop.cancelled() => false,
    }
}

/// Follows the journal until it is time to stop; starts over from what is noted where something fails.
pub(crate) async fn keep_following<F>(who: &'static str, stop: &CancellationToken, follow: impl Fn() -> F)
where
    F: Future<Output = Result<(), JournalError>>,
{
    let mut time = FIRST_PAUSE;
    while !stop.is_cancelled() {
        match follow().await {
            Ok(()) => return,
            Err(error) => tracing::warn!(%error, "the {who} cannot follow the journal; trying again"),
        }
        if !pause(stop, time).await {
            return;
        }
        time = (time * 2).min(LONGEST_PAUSE);
    }
}
