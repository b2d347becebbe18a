//! Finding the event that a projection cannot apply.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use opstella_journal::{JournalError, Position, RecordedEvent};
use sqlx::{Connection, PgConnection};

use crate::checkpoint::{self, Checkpoint, end_of};
use crate::projections::Shared;
use crate::session::Session;
use crate::{ApplyError, Projection, ProjectionError, status};

/// What became of a batch.
pub(crate) enum Applied {
    /// It is in the tables, and so is the checkpoint.
    Yes,
    /// The build is not where it was thought to be, or no longer the live one: look again.
    Moved,
}

/// Applies a batch to a build, in one transaction with its checkpoint.
pub(crate) async fn apply(
    session: &mut Session,
    projection: &dyn Projection,
    build: &mut Checkpoint,
    batch: &[RecordedEvent],
) -> Result<Applied, ApplyError> {
    let to = end_of(batch, build.position);
    let mut tx = session.connection.begin().await?;
    // First, since it also keeps a swap from happening in between.
    if !checkpoint::advance(&mut tx, build, to).await? {
        tx.rollback().await?;
        return Ok(Applied::Moved);
    }
    if let Err(error) = guarded(projection, batch, &mut tx).await {
        tx.rollback().await?;
        return Err(error);
    }
    tx.commit().await?;
    build.position = to;
    Ok(Applied::Yes)
}

/// Applies a batch; a panic is one projection's trouble and not the process's.
pub(crate) async fn guarded(
    projection: &dyn Projection,
    batch: &[RecordedEvent],
    tx: &mut PgConnection,
) -> Result<(), ApplyError> {
    // Whatever the panic left half done is rolled back.
    let applied = AssertUnwindSafe(projection.apply(batch, tx)).catch_unwind();
    applied
        .await
        .unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
}

/// What a panic said, as an error.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> ApplyError {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    ApplyError::Panicked(text.unwrap_or_else(|| "without a message".to_owned()))
}

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

/// Puts a projection's name to an error.
pub(crate) fn failed(projection: &dyn Projection, source: ApplyError) -> ProjectionError {
    ProjectionError::Apply {
        name: projection.name().to_owned(),
        source: Box::new(source),
    }
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
