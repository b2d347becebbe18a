use std::sync::Arc;
use std::time::Duration;

use cqrs_es::Aggregate;
use sqlx::{PgPool, Row};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::cache::{StreamKey, WarmCache};
use crate::committer::{Committer, Context, Unit};
use crate::held_back::HeldBack;
use crate::loader::Loader;
use crate::reader::Reader;
use crate::recent::Recent;
use crate::snapshots::{SnapshotQueue, write_snapshots};
use crate::upcast::Upcasters;
use crate::wake::{self, Wake};
use crate::{Append, Appended, JournalError, JournalOptions, Position, claims};

/// The event store. Cheap to clone; all clones share one committer, one cache, one listener.
#[derive(Clone)]
pub struct Journal {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pool: PgPool,
    pub reader: Reader,
    pub options: JournalOptions,
    pub upcasters: Upcasters,
    pub cache: WarmCache,
    pub loader: Loader,
    pub recent: Arc<Recent>,
    pub held_back: HeldBack,
    pub wake: Wake,
    queue: mpsc::Sender<Unit>,
    closing: CancellationToken,
    tasks: TaskTracker,
    /// Ends the tasks when the last clone is dropped.
    _end: DropGuard,
}

// The orders name the table: see the statement of a subscription.
const AHEAD: &str = "
SELECT (SELECT transaction_id::text::bigint FROM events ORDER BY events.transaction_id DESC, position DESC LIMIT 1),
       pg_snapshot_xmax(pg_current_snapshot())::text::bigint";

const HEAD: &str = "
SELECT transaction_id::text::bigint, position FROM events
WHERE transaction_id < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY events.transaction_id DESC, position DESC LIMIT 1";

impl Journal {
    /// Opens the journal of a migrated database. Beside `pool` it keeps a few connections of its own: one for
    /// each [committer](JournalOptions::committers), one to listen, one for reads of one stream, and up to
    /// [`read_connections`](JournalOptions::read_connections).
    pub async fn open(pool: PgPool, options: JournalOptions) -> Result<Journal, JournalError> {
        let reader = Reader::connect(&pool, &options).await?;
        check_transaction_ids(&reader).await?;

        let closing = CancellationToken::new();
        let tasks = TaskTracker::new();
        let cache = WarmCache::new(options.cache_entries, options.cache_bytes);
        let recent = Arc::new(Recent::new(reader.clone(), cache.clone()));
        let wake = Wake::new();
        let (loader, share_reads) = Loader::new(reader.clone(), &options.snapshot_tag);
        let (snapshots, jobs) = SnapshotQueue::new();
        let (queue, units) = mpsc::channel(options.queue_capacity.max(1));
        let context = Context {
            cache: cache.clone(),
            recent: Arc::clone(&recent),
            wake: wake.clone(),
            snapshots,
            snapshot_every: options.snapshot_every.filter(|every| *every > 0),
        };
        let committer = Committer::connect(&pool, &options, units, context, closing.clone()).await?;

        tasks.spawn(committer.run());
        // Ends with the loader, that is, with the last clone.
        tokio::spawn(share_reads);
        tasks.spawn(write_snapshots(
            jobs,
            reader.pool().clone(),
            options.snapshot_tag.clone(),
            options.read_timeout,
            closing.clone(),
        ));
        let id = uuid::Uuid::new_v4().simple().to_string();
        let own_pool = reader.pool().clone();
        tasks.spawn(wake::listen(
            wake.clone(),
            own_pool.clone(),
            id.clone(),
            closing.clone(),
        ));
        tasks.spawn(wake::notify_others(
            wake.clone(),
            own_pool.clone(),
            id,
            options.notify_interval,
            closing.clone(),
        ));
        tasks.spawn(keep_claims_few(own_pool, options.purge_interval, closing.clone()));
        Ok(Journal {
            inner: Arc::new(Inner {
                pool,
                held_back: HeldBack::new(reader.clone()),
                reader,
                upcasters: Upcasters::new(&options.upcasters),
                options,
                cache,
                loader,
                recent,
                wake,
                queue,
                _end: closing.clone().drop_guard(),
                closing,
                tasks,
            }),
        })
    }

    /// Stores events of one or more streams, all or none, if nobody else appended to these streams since they were
    /// loaded. Returns when they are on disk. Dropping the future does not undo the append.
    pub async fn append(&self, append: Append) -> Result<Appended, JournalError> {
        let started = Instant::now();
        let result = self.append_unit(append).await;
        metrics::histogram!("opstella_journal_append_seconds").record(started.elapsed().as_secs_f64());
        if let Err(error) = &result {
            metrics::counter!("opstella_journal_append_errors_total", "error" => label(error)).increment(1);
        }
        result
    }

    async fn append_unit(&self, append: Append) -> Result<Appended, JournalError> {
        let (answer, mut answered) = oneshot::channel();
        let unit = Unit::new(append, &self.inner.options, answer)?;
        if unit.rows == 0 && unit.claim.is_none() {
            return Ok(Appended {
                position: Position::START,
                versions: unit.versions(),
            });
        }
        if self.inner.closing.is_cancelled() {
            return Err(JournalError::Closed);
        }
        let (ticket, deadline) = (unit.ticket.clone(), unit.deadline);
        let keys: Vec<StreamKey> = unit.keys().cloned().collect();
        self.inner.queue.try_send(unit).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => JournalError::QueueFull,
            mpsc::error::TrySendError::Closed(_) => JournalError::Closed,
        })?;
        if let Ok(answer) = timeout_at(deadline, &mut answered).await {
            return answer.unwrap_or(Err(JournalError::OutcomeUnknown));
        }
        if ticket.take() {
            // The committer will pass over it.
            return Err(JournalError::Timeout);
        }
        // It is being committed; the committer answers when its own deadline, hardly later than ours, has passed.
        match timeout(self.inner.options.append_timeout, answered).await {
            Ok(Ok(answer)) => answer,
            _ => {
                keys.iter().for_each(|key| self.inner.cache.evict(key));
                Err(JournalError::OutcomeUnknown)
            }
        }
    }

    /// The place of the newest event that every reader can see; [`Position::START`] if there is none.
    pub async fn head(&self) -> Result<Position, JournalError> {
        let rows = self.inner.reader.fetch_all(|| sqlx::query(HEAD)).await?;
        let Some(row) = rows.first() else {
            return Ok(Position::START);
        };
        Ok(Position {
            transaction_id: row.try_get::<i64, _>(0)?.unsigned_abs(),
            position: row.try_get(1)?,
        })
    }

    /// Whether no event can have this place yet: it is of another database, or of this one before it was restored.
    pub async fn is_ahead(&self, position: Position) -> Result<bool, JournalError> {
        let asked = || sqlx::query("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint");
        let rows = self.inner.reader.fetch_all(asked).await?;
        let next = rows.first().map(|row| row.try_get::<i64, _>(0)).transpose()?;
        Ok(next.is_some_and(|next| position.transaction_id >= next.unsigned_abs()))
    }

    /// Forgets what the cache knows about an aggregate.
    pub fn evict<A: Aggregate>(&self, id: &str) {
        self.inner.cache.evict(&StreamKey {
            aggregate_type: A::TYPE,
            id: id.into(),
        });
    }

    /// The pool that the journal was opened with.
    pub fn pool(&self) -> &PgPool {
        &self.inner.pool
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.inner.closing.is_cancelled()
    }

    pub(crate) async fn closed(&self) {
        self.inner.closing.cancelled().await;
    }

    /// Takes no more appends, stores those that wait, and ends the journal's tasks and connections. Every clone is
    /// closed with it.
    pub async fn close(&self) {
        self.inner.closing.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        // It waits for connections whose statement nobody waits for any more; PostgreSQL may be stuck with it.
        let close = self.inner.reader.pool().close();
        if timeout(self.inner.options.read_timeout, close).await.is_err() {
            tracing::debug!("a connection of the journal did not end in order");
        }
    }
}

async fn check_transaction_ids(reader: &Reader) -> Result<(), JournalError> {
    let rows = reader.fetch_all(|| sqlx::query(AHEAD)).await?;
    let Some(row) = rows.first() else { return Ok(()) };
    let newest = row
        .try_get::<Option<i64>, _>(0)?
        .unwrap_or_default()
        .unsigned_abs();
    let current = row.try_get::<i64, _>(1)?.unsigned_abs();
    if newest >= current {
        return Err(JournalError::TransactionIdsAhead { newest, current });
    }
    Ok(())
}

async fn keep_claims_few(pool: PgPool, interval: Duration, closing: CancellationToken) {
    const AT_ONCE: u32 = 1000;
    loop {
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            () = closing.cancelled() => return,
        }
        loop {
            let removed = tokio::select! {
                removed = claims::purge(&pool, AT_ONCE) => removed,
                () = closing.cancelled() => return,
            };
            match removed {
                Ok(removed) if removed == u64::from(AT_ONCE) => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::debug!(%error, "expired idempotency keys were not removed; trying again later");
                    break;
                }
            }
        }
    }
}

fn label(error: &JournalError) -> &'static str {
    match error {
        JournalError::Conflict { .. } => "conflict",
        JournalError::IdempotencyReplay { .. } => "idempotency_replay",
        JournalError::IdempotencyMismatch { .. } => "idempotency_mismatch",
        JournalError::QueueFull => "queue_full",
        JournalError::Timeout => "timeout",
        JournalError::OutcomeUnknown => "outcome_unknown",
        JournalError::Database(_) => "database",
        _ => "refused",
    }
}
