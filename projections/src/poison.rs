//! Finding the event that a projection cannot apply.

use opstella_journal::{JournalError, Position, RecordedEvent};

use crate::apply::{Applied, apply, failed};
use crate::checkpoint::{self, Checkpoint, end_of};
use crate::projections::Shared;
use crate::session::Session;
use crate::{Projection, ProjectionError, status};

/// The batch failed for good: applies what can be applied, event by event, and stops at the one that cannot.
pub(crate) async fn apply_singly(
    session: &mut Session,
    projection: &dyn Projection,
    build: &mut Checkpoint,
    batch: &[RecordedEvent],
) -> Result<Applied, ProjectionError> {
    for event in batch {
        match apply(session, projection, build, std::slice::from_ref(event)).await {
            Ok(Applied::Yes) => {}
            Ok(Applied::Moved) => return Ok(Applied::Moved),
            Err(error) if error.is_transient() => return Err(failed(projection, error)),
            Err(error) => {
                stop(session, build, event.position, &error.to_string()).await?;
                return Ok(Applied::Moved);
            }
        }
    }
    Ok(Applied::Yes)
}

/// The journal itself cannot bring an event to today's form: finds which, and stops there.
pub(crate) async fn stop_at_unreadable(
    shared: &Shared,
    session: &mut Session,
    build: &Checkpoint,
    error: &JournalError,
) -> Result<(), ProjectionError> {
    let mut as_stored = shared.journal.subscribe_as_stored(build.position);
    let next = as_stored.try_next(1).await?;
    stop(
        session,
        build,
        end_of(&next.events, build.position),
        &error.to_string(),
    )
    .await
}

/// A rebuild for new code met an event that it cannot apply: the tables stay those of the older code, and say so.
pub(crate) async fn stop_renewal(
    session: &mut Session,
    live: &Checkpoint,
    error: &ProjectionError,
) -> Result<(), ProjectionError> {
    let at = match error {
        ProjectionError::Poisoned { at, .. } => *at,
        _ => live.position,
    };
    stop(session, live, at, &error.to_string()).await
}

async fn stop(
    session: &mut Session,
    build: &Checkpoint,
    at: Position,
    error: &str,
) -> Result<(), ProjectionError> {
    tracing::error!(projection = build.name, %at, error, "a projection has stopped at an event that it cannot apply");
    checkpoint::stop(&mut session.connection, build, at, error).await?;
    status::show_stopped(&build.name, true);
    Ok(())
}
