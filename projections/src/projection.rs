//! What a projection is.

use async_trait::async_trait;
use opstella_journal::RecordedEvent;
use sqlx::PgConnection;

use crate::ApplyError;

/// A function from events to tables.
///
/// The same events must lead to the same tables, however they are divided into batches: no clock, no randomness, no
/// reading of anything but the events and the projection's own tables.
#[async_trait]
pub trait Projection: Send + Sync + 'static {
    /// Its name, as in `opstella projections rebuild NAME`: `[a-z_]`, at most 24 characters.
    fn name(&self) -> &'static str;

    /// To be raised whenever [`tables`](Self::tables) changes, or [`apply`](Self::apply) fills them differently: the
    /// read model is then rebuilt at the next start.
    fn version(&self) -> i32;

    /// The DDL of its tables and indexes. Names are unqualified and unique among all projections: `search_path` leads
    /// to the build's own schema. Each table is shown as a view of the same name in the schema `read`.
    fn tables(&self) -> &'static str;

    /// Views for people, in the schema `dashboard`.
    fn dashboard(&self) -> &'static [DashboardView] {
        &[]
    }

    /// The types of the aggregates whose events it reads, or `None` for all. A batch without any of them moves the projection
    /// on without a transaction; any other comes whole.
    fn aggregates(&self) -> Option<&'static [&'static str]> {
        None
    }

    /// Applies events, in the order of their positions. `search_path` leads to the build's own schema. It is part of
    /// a transaction that its caller commits with the checkpoint, or rolls back when an error is returned.
    async fn apply(&self, batch: &[RecordedEvent], tx: &mut PgConnection) -> Result<(), ApplyError>;
}

/// A stable view of a projection: columns are added at the end, never changed or removed.
#[derive(Debug, Clone, Copy)]
pub struct DashboardView {
    /// Its name in the schema `dashboard`.
    pub name: &'static str,
    /// What it shows; kept as `COMMENT ON VIEW`.
    pub comment: &'static str,
    /// Each column, in order, and what it means; kept as `COMMENT ON COLUMN`.
    pub columns: &'static [(&'static str, &'static str)],
    /// A `SELECT` over the projection's own tables, unqualified, of exactly these columns.
    pub query: &'static str,
}
