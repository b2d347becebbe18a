//! A small projection of the tests' own, which can be broken and slowed down.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use async_trait::async_trait;
use opstella_journal::RecordedEvent;
use opstella_projections::{ApplyError, DashboardView, Projection};
use sqlx::PgConnection;

/// Counts the events of each aggregate type, and keeps each position once.
#[derive(Default)]
pub struct Tally {
    /// Whether it chokes on events of the type `Poison`.
    pub broken: AtomicBool,
    /// Whether it panics at them.
    pub panicky: AtomicBool,
    pub version: AtomicI32,
    /// Milliseconds that each event takes.
    pub slow: AtomicI32,
}

impl Tally {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            version: AtomicI32::new(1),
            ..Self::default()
        })
    }
}

const VIEWS: &[DashboardView] = &[DashboardView {
    name: "tallies",
    comment: "How many events there are of each type",
    columns: &[("kind", "Type of aggregate"), ("events", "How many events")],
    query: "SELECT t.kind, t.events FROM tally t",
}];

#[async_trait]
impl Projection for Tally {
    fn name(&self) -> &'static str {
        "tally"
    }

    fn version(&self) -> i32 {
        self.version.load(Ordering::SeqCst)
    }

    fn tables(&self) -> &'static str {
        match self.version() {
            1 => {
                "CREATE TABLE tally (kind text PRIMARY KEY, events bigint NOT NULL); \
                  CREATE TABLE tally_seen (position bigint PRIMARY KEY)"
            }
            _ => {
                "CREATE TABLE tally (added text, events bigint NOT NULL, kind text PRIMARY KEY); \
                  CREATE TABLE tally_seen (position bigint PRIMARY KEY)"
            }
        }
    }

    fn dashboard(&self) -> &'static [DashboardView] {
        VIEWS
    }

    async fn apply(&self, batch: &[RecordedEvent], tx: &mut PgConnection) -> Result<(), ApplyError> {
        let slow = self.slow.load(Ordering::SeqCst);
        if slow > 0 {
            let seconds = f64::from(slow) / 1000.0 * batch.len() as f64;
            sqlx::query("SELECT pg_sleep($1)")
                .bind(seconds)
                .execute(&mut *tx)
                .await?;
        }
        for event in batch {
            if self.broken.load(Ordering::SeqCst) && event.event_type == "Poison" {
                // As a mistake in SQL would.
                sqlx::query("SELECT 1 / 0").execute(&mut *tx).await?;
            }
            assert!(
                !(self.panicky.load(Ordering::SeqCst) && event.event_type == "Poison"),
                "a bug"
            );
            sqlx::query(
                "INSERT INTO tally (kind, events) VALUES ($1, 1) \
                 ON CONFLICT (kind) DO UPDATE SET events = tally.events + 1",
            )
            .bind(&event.aggregate_type)
            .execute(&mut *tx)
            .await?;
            // Twice the same would be refused.
            sqlx::query("INSERT INTO tally_seen VALUES ($1)")
                .bind(event.position.position)
                .execute(&mut *tx)
                .await?;
        }
        Ok(())
    }
}
