//! The connections that loads and subscriptions share.

use std::time::Duration;

use sqlx::postgres::{PgPoolOptions, PgRow};
use sqlx::{Executor, PgPool};
use tokio::time::{Instant, timeout_at};

use crate::committer::sql::PgQuery;
use crate::error::is_transient;
use crate::{JournalError, JournalOptions};

// All our reads go by an index. Without statistics (a new table) the planner may think otherwise, and a plan made
// then would stay. Costs of paths disabled by these settings are huge, which would wake the JIT compiler.
const SETTINGS: &str = "SET application_name = 'opstella-journal-reader'; SET enable_seqscan = off; \
    SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off; \
    SET plan_cache_mode = force_generic_plan";

const FIRST_BACKOFF: Duration = Duration::from_millis(10);
const LONGEST_BACKOFF: Duration = Duration::from_millis(500);

/// Reads, again and again where the database is away, until the timeout.
#[derive(Clone)]
pub(crate) struct Reader {
    pool: PgPool,
    timeout: Duration,
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
        Ok(Self {
            pool,
            timeout: options.read_timeout,
        })
    }

    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Runs the query; `make` makes it anew for each attempt.
    pub async fn fetch_all<'q>(&self, make: impl Fn() -> PgQuery<'q>) -> Result<Vec<PgRow>, JournalError> {
        let deadline = Instant::now() + self.timeout;
        let mut backoff = FIRST_BACKOFF;
        loop {
            match timeout_at(deadline, make().fetch_all(&self.pool)).await {
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
