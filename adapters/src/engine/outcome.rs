//! From the report of a try to the command that records it.

use std::time::Duration;

use chrono::Utc;
use opstella_domain::run::{Run, RunCommand};

use super::backoff::next_try;
use super::queues::Ticket;
use super::{EngineOptions, StepReport};

/// Longest pause between two looks at a step that is under way in its tool.
const LONGEST_LOOK: Duration = Duration::from_secs(60);

/// Shortest pause between two looks, unless the tool asks for a shorter one.
const SHORTEST_LOOK: Duration = Duration::from_secs(1);

/// Half as long as it was waited for: what ends soon is seen soon, and what takes long is not asked about all the time.
fn next_look(waited: Duration, longest: Duration) -> Duration {
    (waited / 2).max(SHORTEST_LOOK).min(longest)
}

/// The command that records how a try ended.
pub(super) fn command(
    options: &EngineOptions,
    run: &Run,
    ticket: &Ticket,
    report: StepReport,
    duration: Duration,
) -> RunCommand {
    let step = ticket.step.clone();
    let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let state = run.steps.get(&step);
    match (report, ticket.back) {
        (StepReport::Ensured { outcome }, false) => RunCommand::RecordSuccess {
            step,
            attempt: ticket.attempt,
            outcome: Some(outcome),
            duration_ms,
        },
        (StepReport::Removed { .. }, false) => RunCommand::RecordSuccess {
            step,
            attempt: ticket.attempt,
            outcome: None,
            duration_ms,
        },
        (StepReport::Ensured { .. }, true) => RunCommand::RecordCompensated {
            step,
            attempt: ticket.attempt,
            deleted: false,
            duration_ms,
        },
        (StepReport::Removed { deleted }, true) => RunCommand::RecordCompensated {
            step,
            attempt: ticket.attempt,
            deleted,
            duration_ms,
        },
        (StepReport::Awaited { message, look_in_ms }, back) => {
            let at = Utc::now();
            let longest = Duration::from_millis(look_in_ms).min(LONGEST_LOOK);
            let waited = state.and_then(|s| s.awaited_since).map(|since| at - since);
            let look_in = next_look(waited.and_then(|w| w.to_std().ok()).unwrap_or_default(), longest);
            RunCommand::RecordAwaited {
                step,
                attempt: ticket.attempt,
                back,
                message,
                at,
                look_at: at + look_in,
            }
        }
        (
            StepReport::Failed {
                class,
                message,
                retry_after_ms,
            },
            back,
        ) => {
            let failures = state.map_or(0, |s| if back { s.compensation_failures } else { s.failures });
            let retry_after = retry_after_ms.map(Duration::from_millis);
            let retry_at = next_try(options, failures, retry_after, Utc::now());
            if back {
                RunCommand::RecordCompensationFailure {
                    step,
                    attempt: ticket.attempt,
                    class,
                    message,
                    retry_at,
                }
            } else {
                RunCommand::RecordFailure {
                    step,
                    attempt: ticket.attempt,
                    class,
                    message,
                    retry_at,
                    duration_ms,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_waited_for_is_looked_at_less_and_less_often() {
        let seconds = Duration::from_secs;
        assert_eq!(next_look(seconds(0), seconds(5)), seconds(1));
        assert_eq!(next_look(seconds(6), seconds(5)), seconds(3));
        assert_eq!(next_look(seconds(60), seconds(5)), seconds(5));
        assert_eq!(
            next_look(seconds(60), Duration::from_millis(20)),
            Duration::from_millis(20)
        );
    }
}
