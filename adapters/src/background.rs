//! What loops in the background have in common: pauses that end when it is time to stop, and following the journal whatever
//! happens to it.

use std::time::Duration;

use opstella_journal::JournalError;
use tokio::time::Instant;
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
    let mut pauses = Pauses::default();
    while !stop.is_cancelled() {
        let began = Instant::now();
        match follow().await {
            Ok(()) => return,
            Err(error) => tracing::warn!(%error, "the {who} cannot follow the journal; trying again"),
        }
        if !pause(stop, pauses.after(began.elapsed())).await {
            return;
        }
    }
}

/// Pauses between tries that fail one after the other.
struct Pauses(Duration);

impl Default for Pauses {
    fn default() -> Self {
        Self(FIRST_PAUSE)
    }
}

impl Pauses {
    /// The pause after a try that lasted so long. One that lasted longer than the longest pause went well until then: what
    /// failed before it, weeks ago perhaps, counts no more.
    fn after(&mut self, lasted: Duration) -> Duration {
        if lasted > LONGEST_PAUSE {
            self.0 = FIRST_PAUSE;
        }
        let pause = self.0;
        self.0 = (pause * 2).min(LONGEST_PAUSE);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_while_tries_fail_at_once_and_begin_anew_after_one_that_went_well() {
        let mut pauses = Pauses::default();
        let soon = Duration::from_millis(3);
        let grown: Vec<_> = (0..9).map(|_| pauses.after(soon).as_millis()).collect();
        assert_eq!(grown, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        assert_eq!(
            pauses.after(LONGEST_PAUSE),
            LONGEST_PAUSE,
            "that may have been a timeout"
        );
        assert_eq!(pauses.after(Duration::from_secs(11)), FIRST_PAUSE);
        assert_eq!(pauses.after(soon), 2 * FIRST_PAUSE);
    }
}
