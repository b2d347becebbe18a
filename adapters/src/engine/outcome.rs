//! From the report of a try to the command that records it.

use std::time::Duration;

use chrono::Utc;
use opstella_domain::run::{Run, RunCommand};

use super::backoff::next_try;
use super::queues::Ticket;
use super::{EngineOptions, StepReport};

/// Longest pause between two looks at a step that is under way in its tool.
const LONGEST_LOOK: Duration = Duration::from_secs(60);

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
            let look_in = Duration::from_millis(look_in_ms).min(LONGEST_LOOK);
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
