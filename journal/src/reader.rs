//! The connections that loads and subscriptions share.

use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use futures::stream::BoxStream;
use sqlx::postgres::{PgConnection, PgPoolOptions, PgRow};
use sqlx::{ConnectOptions, Executor, PgPool, Row};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use crate::committer::sql::PgQuery;
use crate::error::is_transient;
use crate::{JournalError, JournalOptions};

// All our reads go by an index. Without statistics (a new table) the planner may think otherwise, and a plan made
// then would stay. Costs of paths disabled by these settings are huge, which would wake the JIT compiler.
// What is written here (notifications, snapshots, the removal of expired keys) need not wait for the disk.
const SETTINGS: &str = "SET application_name = 'opstella-journal-reader'; SET enable_seqscan = off; \
    SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off; \
    SET plan_cache_mode = force_generic_plan; SET synchronous_commit = off";

const FIRST_BACKOFF: Duration = Duration::from_millis(10);
const LONGEST_BACKOFF: Duration = Duration::from_millis(500);

/// Reads, again and again where the database is away, until the timeout.
#[derive(Clone)]
pub(crate) struct Reader {
    pool: PgPool,
    timeout: Duration,
    bytes: usize,
    single: Arc<Mutex<Option<PgConnection>>>,
}

impl Reader {
    pub async fn connect(pool: &PgPool, options: &JournalOptions) -> Result<Self, JournalError> {
        let pool = PgPoolOptions::new()
            // One is held by the listener.
            .max_connections(options.read_connections.max(1) + 1)
            .acquire_timeout(options.read_timeout)
            // It would be a round trip for every read; a read that meets a dead connection is repeated instead.
            .test_before_acquire(false)
            .after_connect(|connection, _| {
                Box::pin(async move { connection.execute(SETTINGS).await.map(|_| ()) })
            })
            .connect_with((*pool.connect_options()).clone())
            .await?;
        let made = timeout_at(Instant::now() + options.read_timeout, connect_single(&pool)).await;
        let single = Arc::new(Mutex::new(Some(made.map_err(|_| JournalError::Timeout)??)));
        Ok(Self {
            pool,
            timeout: options.read_timeout,
            bytes: options.read_bytes,
            single,
        })
    }

    /// Runs the query on the connection kept for single reads, or not at all if that is taken or lost: a pool's
    /// bookkeeping would cost more than such a read.
    pub async fn fetch_single<'q>(&self, query: PgQuery<'q>) -> Option<Rows> {
        let mut single = self.single.try_lock().ok()?;
        let mut connection = single.take()?;
        // Not put back when it failed, or when our caller gave up in between: then its state is unknown.
        let rows = timeout_at(
            Instant::now() + self.timeout,
            bounded(connection.fetch(query), self.bytes),
        )
        .await
        .ok()?
        .ok()?;
        *single = Some(connection);
        Some(rows)
    }

    /// Makes the connection for single reads anew if it was lost.
    pub async fn restore_single(&self) {
        let Ok(mut single) = self.single.try_lock() else {
            return;
        };
        if single.is_none() {
            let made = timeout_at(Instant::now() + self.timeout, connect_single(&self.pool)).await;
            *single = made.ok().and_then(Result::ok);
        }
    }

    /// How many bytes of rows one read takes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How long a read may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Runs the query; `make` makes it anew for each attempt.
    pub async fn fetch_all<'q>(&self, make: impl Fn() -> PgQuery<'q>) -> Result<Vec<PgRow>, JournalError> {
        Ok(self.fetch(make, usize::MAX).await?.rows)
    }

    /// As [`fetch_all`](Self::fetch_all), but of large rows not all.
    pub async fn fetch_bounded<'q>(&self, make: impl Fn() -> PgQuery<'q>) -> Result<Rows, JournalError> {
        self.fetch(make, self.bytes).await
    }

    async fn fetch<'q>(&self, make: impl Fn() -> PgQuery<'q>, bytes: usize) -> Result<Rows, JournalError> {
        let deadline = Instant::now() + self.timeout;
        let mut backoff = FIRST_BACKOFF;
        loop {
            match timeout_at(deadline, bounded(make().fetch(&self.pool), bytes)).await {
                Ok(Ok(rows)) => return Ok(rows),
                Ok(Err(error)) if is_transient(&error) && Instant::now() + backoff < deadline => {
                    tracing::debug!(%error, "a read failed; trying again");
                    tokio::time::sleep(backoff).await;
                    backoff = (backoff * 2).min(LONGEST_BACKOFF);
                }
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => return Err(JournalError::Timeout),
            }
        }
    }
}

/// Rows, perhaps not all.
pub(crate) struct Rows {
    pub rows: Vec<PgRow>,
    /// Whether they were as many bytes as one read takes: there may be more.
    pub cut: bool,
}

async fn bounded(
    mut stream: BoxStream<'_, Result<PgRow, sqlx::Error>>,
    bytes: usize,
) -> Result<Rows, sqlx::Error> {
    let (mut rows, mut taken) = (Vec::new(), 0_usize);
    while let Some(row) = stream.try_next().await? {
        taken = taken.saturating_add(size(&row));
        rows.push(row);
        if taken >= bytes {
            return Ok(Rows { rows, cut: true });
        }
    }
    Ok(Rows { rows, cut: false })
}

fn size(row: &PgRow) -> usize {
    let column = |index| row.try_get_raw(index).ok()?.as_bytes().ok().map(<[u8]>::len);
    (0..row.len()).filter_map(column).sum()
}

async fn connect_single(pool: &PgPool) -> Result<PgConnection, sqlx::Error> {
    let mut connection = pool.connect_options().connect().await?;
    connection.execute(SETTINGS).await?;
    Ok(connection)
}
