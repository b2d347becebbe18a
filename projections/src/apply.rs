//! Applying a batch: in one transaction with the checkpoint.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use opstella_journal::RecordedEvent;
use sqlx::{Connection, PgConnection};

use crate::checkpoint::{self, Checkpoint, end_of};
use crate::session::{Session, answered};
use crate::{ApplyError, Projection, ProjectionError};

/// What became of a batch.
pub(crate) enum Applied {
    /// It is in the tables, and so is the checkpoint.
    Yes,
    /// The build is not where it was thought to be, or no longer the live one: look again.
    Moved,
}

/// Applies a batch to a build, in one transaction with its checkpoint; or not, if the database says nothing for long.
pub(crate) async fn apply(
    session: &mut Session,
    projection: &dyn Projection,
    build: &mut Checkpoint,
    batch: &[RecordedEvent],
) -> Result<Applied, ApplyError> {
    answered(session.patience, in_one_go(session, projection, build, batch)).await
}

async fn in_one_go(
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

/// Puts a projection's name to an error.
pub(crate) fn failed(projection: &dyn Projection, source: ApplyError) -> ProjectionError {
    ProjectionError::Apply {
        name: projection.name().to_owned(),
        source: Box::new(source),
    }
}
