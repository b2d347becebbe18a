//! The engine's notes: which runs have not ended, up to which position of the journal.

use opstella_domain::RunId;
use opstella_journal::{Batch, Position};
use sqlx::PgPool;
use uuid::Uuid;

use crate::checkpoint;

const ENDS: [&str; 4] = ["RunSucceeded", "RunFailed", "RunCancelled", "RunAbandoned"];

/// What a batch of events says about which runs are open.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub opened: Vec<Uuid>,
    pub ended: Vec<Uuid>,
}

impl Changes {
    pub fn of(batch: &Batch) -> Self {
        let mut changes = Self::default();
        for event in batch.events.iter().filter(|e| e.aggregate_type == "Run") {
            let Ok(run) = Uuid::parse_str(&event.aggregate_id) else {
                continue;
            };
            if event.event_type == "RunPlanned" {
                changes.opened.push(run);
            } else if ENDS.contains(&event.event_type.as_str()) {
                changes.ended.push(run);
            }
        }
        changes
    }

    pub fn is_empty(&self) -> bool {
        self.opened.is_empty() && self.ended.is_empty()
    }
}

/// Where the notes end.
pub(super) async fn checkpoint(pool: &PgPool) -> Result<Position, sqlx::Error> {
    checkpoint::read(pool, "SELECT transaction_id, position FROM engine_checkpoint").await
}

/// Notes a batch's changes and its position, in one statement and so in one transaction. The runs that nobody had noted
/// before: an engine notes a run before it has any of its steps carried out.
pub(super) async fn note(
    pool: &PgPool,
    changes: &Changes,
    position: Position,
) -> Result<Vec<Uuid>, sqlx::Error> {
    // A run may open and end in one batch: it must not stay, whatever the order in which the parts are carried out.
    let opened: Vec<_> = changes
        .opened
        .iter()
        .filter(|run| !changes.ended.contains(run))
        .copied()
        .collect();
    sqlx::query_scalar(
        "WITH opened AS (INSERT INTO engine_open_runs SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING RETURNING run),
              ended AS (DELETE FROM engine_open_runs WHERE run = ANY ($2)),
              noted AS (INSERT INTO engine_checkpoint (transaction_id, position) VALUES ($3, $4)
                        ON CONFLICT (singleton) DO UPDATE SET transaction_id = $3, position = $4)
         SELECT run FROM opened",
    )
    .bind(&opened)
    .bind(&changes.ended)
    .bind(i64::try_from(position.transaction_id).unwrap_or(i64::MAX))
    .bind(position.position)
    .fetch_all(pool)
    .await
}

/// Open runs after the given one, in order of their ids.
pub(super) async fn page(pool: &PgPool, after: Option<Uuid>, limit: i64) -> Result<Vec<RunId>, sqlx::Error> {
    let runs: Vec<Uuid> = sqlx::query_scalar(
        "SELECT run FROM engine_open_runs WHERE $1 IS NULL OR run > $1 ORDER BY run LIMIT $2",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(pool)
    .await?;
    Ok(runs.into_iter().map(RunId).collect())
}
