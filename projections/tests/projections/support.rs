//! A journal on a database of the test's own, and ways to look at tables.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use cqrs_es::Aggregate;
use opstella_devservers::postgres::{TestDatabase, test_database};
use opstella_domain::Decide;
use opstella_journal::*;
use opstella_projections::queries::PageRequest;
use opstella_projections::{ProjectionOptions, Projections, Queries};
use serde_json::Value;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Executor, PgPool, Row};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct World {
    pub journal: Journal,
    pub pool: PgPool,
    _database: TestDatabase,
}

pub fn options() -> ProjectionOptions {
    ProjectionOptions {
        poll_interval: Duration::from_millis(20),
        gauge_interval: Duration::from_millis(50),
        ..ProjectionOptions::default()
    }
}

pub async fn world() -> World {
    let database = test_database().await.unwrap();
    let pool = PgPoolOptions::new()
        .max_connections(8)
        .connect(&database.url)
        .await
        .unwrap();
    migrate(&pool).await.unwrap();
    let journal = Journal::open(pool.clone(), JournalOptions::default())
        .await
        .unwrap();
    World {
        journal,
        pool,
        _database: database,
    }
}

impl World {
    pub fn projections(&self) -> Projections {
        Projections::standard(self.journal.clone(), options())
    }

    pub fn queries(&self) -> Queries {
        Queries::new(self.pool.clone())
    }

    /// These tables by themselves, temporary ones of the one connection of this pool.
    pub async fn alone(&self, tables: &[&'static str]) -> PgPool {
        let options = (*self.pool.connect_options()).clone();
        let alone = PgPoolOptions::new()
            .max_connections(1)
            .connect_with(options)
            .await
            .unwrap();
        let mut connection = alone.acquire().await.unwrap();
        connection
            .execute("SET search_path = pg_temp, public")
            .await
            .unwrap();
        for table in tables.iter().copied() {
            connection.execute(sqlx::raw_sql(table)).await.unwrap();
        }
        drop(connection);
        alone
    }

    /// Decides a command on the aggregate as it is and stores what follows.
    pub async fn send<A>(&self, id: &str, command: <A as Decide>::Command) -> Position
    where
        A: Decide + Aggregate<Event = <A as Decide>::Event>,
    {
        let loaded = self.journal.load::<A>(id).await.unwrap();
        let events = loaded.state.decide(command).unwrap();
        let mut metadata = EventMetadata::new("alice", "Test", "c-1");
        metadata.reason = Some("nul \u{0} in it".into());
        let stream = StreamAppend::of(&loaded, events).unwrap();
        self.journal
            .append(Append::new(metadata, vec![stream]))
            .await
            .unwrap()
            .position
    }

    /// Puts an event into the table that no code of ours would write.
    pub async fn inject(
        &self,
        aggregate_type: &str,
        id: &str,
        sequence: i64,
        event_type: &str,
        payload: &str,
    ) {
        sqlx::query(
            "INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata) \
             VALUES ($1, $2, $3, $4, '1.0', $5::json, '{}')",
        )
        .bind(aggregate_type)
        .bind(id)
        .bind(sequence)
        .bind(event_type)
        .bind(payload)
        .execute(&self.pool)
        .await
        .unwrap();
    }

    /// Everything in the tables behind these views, in an order of its own.
    pub async fn contents(&self) -> Vec<(String, Vec<Value>)> {
        let views = sqlx::query(
            "SELECT relname::text FROM pg_class WHERE relnamespace = 'read'::regnamespace ORDER BY 1",
        )
        .fetch_all(&self.pool)
        .await
        .unwrap();
        let mut all = Vec::new();
        for view in views {
            let view: String = view.get(0);
            let sql = format!("SELECT to_jsonb(v) FROM read.{view} v ORDER BY to_jsonb(v)::text");
            let rows = sqlx::query(AssertSqlSafe(sql))
                .fetch_all(&self.pool)
                .await
                .unwrap();
            all.push((view, rows.iter().map(|row| row.get(0)).collect()));
        }
        assert!(all.len() >= 23, "{} views", all.len());
        all
    }

    /// The newest event. The journal's head may be behind it: a transaction that is still running anywhere in the
    /// cluster, in another test's database too, holds it back.
    pub async fn newest(&self) -> Position {
        newest(&self.pool).await
    }

    pub async fn count(&self, sql: &str) -> i64 {
        sqlx::query(AssertSqlSafe(sql))
            .fetch_one(&self.pool)
            .await
            .unwrap()
            .get(0)
    }
}

async fn newest(pool: &PgPool) -> Position {
    let sql = "SELECT transaction_id || '-' || position FROM events ORDER BY transaction_id DESC, position DESC LIMIT 1";
    let row = sqlx::query(sql).fetch_one(pool).await.unwrap();
    row.get::<String, _>(0).parse().unwrap()
}

/// Projections at work, until stopped.
pub struct Running {
    pub projections: Projections,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

pub fn start(projections: Projections) -> Running {
    let cancel = CancellationToken::new();
    let task = tokio::spawn({
        let (projections, cancel) = (projections.clone(), cancel.clone());
        async move { projections.run(cancel).await }
    });
    Running {
        projections,
        cancel,
        task,
    }
}

impl Running {
    /// In order.
    pub async fn stop(self) {
        self.cancel.cancel();
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .expect("no clean end")
            .unwrap();
    }

    /// As a crash would.
    pub fn kill(self) {
        self.task.abort();
    }

    /// Until everything that is in the journal is in all read models.
    pub async fn catch_up(&self, journal: &Journal) {
        let head = newest(journal.pool()).await;
        self.projections.wait_for(&[], head, PATIENCE).await.unwrap();
    }
}

/// Asks again and again until it is so.
pub async fn until<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !ask().await {
        assert!(tokio::time::Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The first page of a list, as long as it may be.
pub fn all() -> PageRequest {
    PageRequest::first(200)
}

/// A time as PostgreSQL keeps it: rounded to the nearest microsecond.
pub fn micros(time: DateTime<Utc>) -> i64 {
    (time + TimeDelta::nanoseconds(500)).timestamp_micros()
}

/// Two tables of one name hold the same; tells the first difference only.
pub fn same(one: &(String, Vec<Value>), other: &(String, Vec<Value>), what: &str) {
    assert_eq!(one.0, other.0);
    let differing = one.1.iter().zip(&other.1).find(|(one, other)| one != other);
    assert_eq!(differing, None, "{}: {what}", one.0);
    assert_eq!(one.1.len(), other.1.len(), "{}: {what}", one.0);
}
