//! A new build beside the live one, and the swap.

use std::time::Duration;

use opstella_journal::{Batch, Position, RecordedEvent};
use sqlx::{Connection, Executor};
use tokio::time::Instant;

use crate::apply::{self, Applied, failed};
use crate::checkpoint::{self, Checkpoint, end_of};
use crate::error::is_lock_timeout;
use crate::projections::Shared;
use crate::session::{LockClass, Session, answered};
use crate::{Projection, ProjectionError, generation, status, views};

/// How far a rebuild is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RebuildProgress {
    /// Events applied so far.
    pub events: u64,
    /// The last of them.
    pub position: Position,
    /// Where the journal's end was when the rebuild began.
    pub head: Position,
}

/// What a rebuild did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RebuildReport {
    /// The number of the new live build.
    pub generation: i64,
    /// Events applied.
    pub events: u64,
    /// How long it took.
    pub duration: Duration,
}

/// Less than PostgreSQL's `deadlock_timeout` (1 s by default): where a query and the swap wait for each other, it is
/// the swap that gives way and tries again.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '100ms'";
/// Events in the first transaction, until it is known how long one takes; and the fewest in any, so that a rebuild
/// gets ahead of those who write meanwhile.
const FIRST_BATCH: usize = 50;
const FIRST_PAUSE: Duration = Duration::from_millis(20);

pub(crate) async fn rebuild(
    shared: &Shared,
    projection: &dyn Projection,
    mut progress: impl FnMut(RebuildProgress) + Send,
) -> Result<RebuildReport, ProjectionError> {
    let (started, name) = (Instant::now(), projection.name());
    let mut session = shared.session(&format!("opstella-rebuild-{name}")).await?;
    if !session.try_lock(LockClass::Rebuild, name).await? {
        return Err(ProjectionError::RebuildInProgress {
            name: name.to_owned(),
        });
    }
    let live = generation::ensure_live(&mut session, projection).await?;
    if live.version > projection.version() {
        return Err(ProjectionError::Newer {
            name: name.to_owned(),
            live: live.version,
            ours: projection.version(),
        });
    }
    generation::drop_leftovers(&mut session, name).await?;
    let build = generation::make_beside(&mut session, projection).await?;
    let generation = build.generation;
    let head = shared.journal.head().await?;
    let mut filling = Filling {
        shared,
        projection,
        session,
        build,
        events: 0,
        batch: shared.options.rebuild_batch.clamp(1, FIRST_BATCH),
    };
    let filled = filling.fill_and_swap(|events, position| {
        progress(RebuildProgress {
            events,
            position,
            head,
        });
    });
    let filled = filled.await;
    let Filling {
        mut session, events, ..
    } = filling;
    // The old build after a swap, the new one after a failure.
    if let Err(error) = generation::drop_leftovers(&mut session, name).await {
        tracing::warn!(projection = name, %error, "a build that is no longer used was not removed; the next rebuild does it");
    }
    session.close().await;
    filled?;
    status::show_stopped(name, false);
    shared.hub.of(name).changed.notify_one();
    Ok(RebuildReport {
        generation,
        events,
        duration: started.elapsed(),
    })
}

struct Filling<'a> {
    shared: &'a Shared,
    projection: &'a dyn Projection,
    session: Session,
    build: Checkpoint,
    events: u64,
    /// Events in the next transaction.
    batch: usize,
}

impl Filling<'_> {
    async fn fill_and_swap(
        &mut self,
        mut progress: impl FnMut(u64, Position),
    ) -> Result<(), ProjectionError> {
        self.session.enter(&self.build.schema).await?;
        let mut subscription = self.shared.journal.subscribe(self.build.position);
        let mut trying: Option<(Instant, Duration)> = None;
        loop {
            let most = self.batch;
            let Batch {
                events: batch, cut, ..
            } = subscription.try_next(most).await?;
            // While commands keep coming there is always a little more: a short batch is close enough, the swap
            // applies what is missing.
            let caught_up = batch.len() < most && !cut;
            if !batch.is_empty() {
                self.apply(&batch).await?;
                progress(self.events, self.build.position);
            }
            if !caught_up {
                continue;
            }
            let patience = self.session.patience;
            if answered(patience, self.swap(&mut subscription)).await? {
                progress(self.events, self.build.position);
                return Ok(());
            }
            let (since, pause) = trying.unwrap_or((Instant::now(), FIRST_PAUSE));
            if since.elapsed() > self.shared.options.swap_timeout {
                return Err(ProjectionError::Held {
                    name: self.build.name.clone(),
                });
            }
            tokio::time::sleep(pause).await;
            trying = Some((since, (pause * 2).min(Duration::from_secs(1))));
        }
    }

    async fn apply(&mut self, batch: &[RecordedEvent]) -> Result<(), ProjectionError> {
        let started = Instant::now();
        let applied = apply::apply(&mut self.session, self.projection, &mut self.build, batch).await;
        // The journal's followers see nothing that is newer than an open transaction: it is kept short.
        let (most, hold) = (
            self.shared.options.rebuild_batch,
            self.shared.options.rebuild_hold,
        );
        self.batch = if started.elapsed() > hold {
            self.batch / 2
        } else {
            self.batch * 2
        };
        self.batch = self.batch.max(FIRST_BATCH).min(most.max(1));
        match applied {
            Ok(Applied::Yes) => {
                self.events += batch.len() as u64;
                Ok(())
            }
            Ok(Applied::Moved) => Err(ProjectionError::RebuildInProgress {
                name: self.build.name.clone(),
            }),
            Err(error) if error.is_transient() => Err(failed(self.projection, error)),
            Err(_) => self.apply_singly(batch).await,
        }
    }

    /// Applies the events of a batch that failed for good one by one, and names the one that cannot be applied.
    async fn apply_singly(&mut self, batch: &[RecordedEvent]) -> Result<(), ProjectionError> {
        for event in batch {
            let alone = std::slice::from_ref(event);
            match apply::apply(&mut self.session, self.projection, &mut self.build, alone).await {
                Ok(Applied::Yes) => self.events += 1,
                Ok(Applied::Moved) => {
                    return Err(ProjectionError::RebuildInProgress {
                        name: self.build.name.clone(),
                    });
                }
                Err(error) if error.is_transient() => return Err(failed(self.projection, error)),
                Err(error) => {
                    return Err(ProjectionError::Poisoned {
                        name: self.build.name.clone(),
                        at: event.position,
                        source: Box::new(error),
                    });
                }
            }
        }
        Ok(())
    }

    /// Makes the new build the live one, in one transaction, at a point where it has all that the old one has: no
    /// query goes back in time. `false` when the views were not to be had.
    async fn swap(
        &mut self,
        subscription: &mut opstella_journal::Subscription,
    ) -> Result<bool, ProjectionError> {
        let name = self.projection.name();
        let mut tx = self.session.connection.begin().await?;
        // Waits for the batch that is being applied, and keeps the next from starting.
        let Some(old) = checkpoint::lock_live(&mut tx, name).await? else {
            return Ok(false);
        };
        let (mut at, mut events) = (self.build.position, self.events);
        while at < old.position {
            let batch = subscription
                .try_next(self.shared.options.rebuild_batch)
                .await?
                .events;
            if batch.is_empty() {
                break;
            }
            let applied = apply::guarded(self.projection, &batch, &mut tx).await;
            applied.map_err(|error| failed(self.projection, error))?;
            (at, events) = (end_of(&batch, at), events + batch.len() as u64);
        }
        let moved = at >= old.position && checkpoint::advance(&mut tx, &self.build, at).await?;
        if !moved {
            return Err(ProjectionError::RebuildInProgress {
                name: name.to_owned(),
            });
        }
        tx.execute(LOCK_TIMEOUT).await?;
        match views::publish(&mut tx, self.projection, &self.build.schema).await {
            Err(error) if is_lock_timeout(&error) => {
                tx.rollback().await?;
                *subscription = self.shared.journal.subscribe(self.build.position);
                return Ok(false);
            }
            other => other?,
        }
        sqlx::query("UPDATE projection_checkpoints SET live = false WHERE name = $1 AND generation = $2")
            .bind(name)
            .bind(old.generation)
            .execute(&mut *tx)
            .await?;
        sqlx::query(
            "UPDATE projection_checkpoints SET live = true, status = 'running', updated_at = clock_timestamp() \
             WHERE name = $1 AND generation = $2",
        )
        .bind(name)
        .bind(self.build.generation)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        (self.build.position, self.events) = (at, events);
        Ok(true)
    }
}
