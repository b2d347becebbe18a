//! Read models as of an instant.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use opstella_journal::{Position, RecordedEvent};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool, Row};
use tokio::sync::OwnedSemaphorePermit;

use crate::apply::{failed, guarded};
use crate::projections::Shared;
use crate::{Projection, ProjectionError, Queries};

/// PostgreSQL's name for a connection's own temporary tables: they need no cleaning up.
const TEMPORARY: &str = "pg_temp";

/// Read models as they were at an instant, in temporary tables of one connection; gone when this is dropped.
pub struct ReplayedModel {
    pool: PgPool,
    /// The instant.
    pub instant: DateTime<Utc>,
    /// The last event that is in them; [`Position::START`] when there was none yet.
    pub position: Position,
    /// How many events are in them.
    pub events: u64,
    _one_at_a_time: OwnedSemaphorePermit,
}

impl ReplayedModel {
    /// Questions to them. Only those about the read models that were replayed have an answer. Valid as long as this is.
    pub fn queries(&self) -> Queries {
        Queries::at(self.pool.clone(), TEMPORARY)
    }
}

impl Drop for ReplayedModel {
    fn drop(&mut self) {
        let pool = self.pool.clone();
        // Outside a runtime the connection ends with its pool.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { pool.close().await });
        }
    }
}

pub(crate) async fn replay_as_of(
    shared: &Shared,
    names: &[&str],
    instant: DateTime<Utc>,
) -> Result<ReplayedModel, ProjectionError> {
    let limit = shared.options.replay_timeout;
    let found: Result<Vec<_>, _> = names.iter().map(|name| shared.find(name)).collect();
    let projections = found?;
    tokio::time::timeout(limit, replay(shared, &projections, instant))
        .await
        .map_err(|_| ProjectionError::ReplayTooLong {
            seconds: limit.as_secs(),
        })?
}

async fn replay(
    shared: &Shared,
    projections: &[&Arc<dyn Projection>],
    instant: DateTime<Utc>,
) -> Result<ReplayedModel, ProjectionError> {
    let permit = Arc::clone(&shared.replays).acquire_owned().await;
    let permit = permit.map_err(|_| ProjectionError::Journal(opstella_journal::JournalError::Closed))?;
    let options = (*shared.pool().connect_options())
        .clone()
        .application_name("opstella-replay");
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options)
        .await?;
    let mut connection = pool.acquire().await?;
    let home: String = connection
        .fetch_one("SELECT current_setting('search_path')")
        .await?
        .try_get(0)?;
    let enter = format!("SET search_path = {TEMPORARY}, {home}");
    connection.execute(AssertSqlSafe(enter)).await?;
    for projection in projections {
        connection.execute(sqlx::raw_sql(projection.tables())).await?;
    }
    let newest = newest(&mut connection).await?;
    let mut subscription = shared.journal.subscribe(Position::START);
    let mut past = Past {
        instant,
        later: HashSet::new(),
    };
    let (mut position, mut events) = (Position::START, 0);
    while subscription.position() < newest {
        // Waits where a transaction that is still running holds back what was committed before the question.
        let batch = subscription.next(shared.options.rebuild_batch).await?.events;
        let batch: Vec<_> = batch.into_iter().filter(|event| past.holds(event)).collect();
        let Some(last) = batch.last() else { continue };
        (position, events) = (last.position, events + batch.len() as u64);
        apply(&mut connection, projections, &batch).await?;
    }
    drop(connection);
    Ok(ReplayedModel {
        pool,
        instant,
        position,
        events,
        _one_at_a_time: permit,
    })
}

/// The newest event there is, whether or not readers may see it yet. The order names the table: alone, `transaction_id`
/// would be the output column of that name, for which there is no index.
async fn newest(connection: &mut PgConnection) -> Result<Position, sqlx::Error> {
    let row = sqlx::query(
        "SELECT transaction_id::text::bigint, position FROM events \
         ORDER BY events.transaction_id DESC, position DESC LIMIT 1",
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else {
        return Ok(Position::START);
    };
    Ok(Position {
        transaction_id: row.try_get::<i64, _>(0)?.unsigned_abs(),
        position: row.try_get(1)?,
    })
}

async fn apply(
    connection: &mut PgConnection,
    projections: &[&Arc<dyn Projection>],
    batch: &[RecordedEvent],
) -> Result<(), ProjectionError> {
    let mut tx = connection.begin().await?;
    for projection in projections {
        let applied = guarded(projection.as_ref(), batch, &mut tx).await;
        applied.map_err(|error| failed(projection.as_ref(), error))?;
    }
    tx.commit().await?;
    Ok(())
}

/// What was recorded until an instant. The clock may have been set back, the order of a stream cannot: once an event
/// of a stream is later, so is the rest of it. That is how the journal loads an aggregate as of an instant, too.
struct Past {
    instant: DateTime<Utc>,
    later: HashSet<(String, String)>,
}

impl Past {
    fn holds(&mut self, event: &RecordedEvent) -> bool {
        let stream = (event.aggregate_type.clone(), event.aggregate_id.clone());
        if event.recorded_at > self.instant {
            self.later.insert(stream);
            return false;
        }
        !self.later.contains(&stream)
    }
}
