use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::append::Serialise;
use crate::cache::{AnyState, StreamKey};

/// A state that is worth keeping, so that a long stream need not be read from its beginning.
pub(crate) struct SnapshotJob {
    pub key: StreamKey,
    pub version: u64,
    pub state: AnyState,
    pub serialise: Serialise,
}

/// Snapshots are made beside the appends, never in their way: when too many wait, the next one is left out.
pub(crate) struct SnapshotQueue {
    jobs: mpsc::Sender<SnapshotJob>,
}

const CAPACITY: usize = 256;

// A newer snapshot stays, unless other code made it: that one is of no use to us.
const SAVE: &str = "
INSERT INTO snapshots (aggregate_type, aggregate_id, last_sequence, current_snapshot, payload, made_by)
VALUES ($1, $2, $3, 1, $4::text::json, $5)
ON CONFLICT (aggregate_type, aggregate_id) DO UPDATE
SET last_sequence = excluded.last_sequence, current_snapshot = snapshots.current_snapshot + 1,
    payload = excluded.payload, made_by = excluded.made_by
WHERE snapshots.last_sequence < excluded.last_sequence OR snapshots.made_by IS DISTINCT FROM excluded.made_by";

impl SnapshotQueue {
    pub fn new() -> (Self, mpsc::Receiver<SnapshotJob>) {
        let (jobs, queue) = mpsc::channel(CAPACITY);
        (Self { jobs }, queue)
    }

    pub fn offer(&self, job: SnapshotJob) {
        if self.jobs.try_send(job).is_err() {
            metrics::counter!("opstella_journal_snapshots_skipped_total").increment(1);
        }
    }
}

/// Makes snapshots until the committer is gone, each within `limit`, and after `closing` all that are left.
pub(crate) async fn write_snapshots(
    mut queue: mpsc::Receiver<SnapshotJob>,
    pool: PgPool,
    tag: String,
    limit: Duration,
    closing: CancellationToken,
) {
    let mut end = None;
    while let Some(job) = queue.recv().await {
        // A snapshot is only a help: nobody waits long for one when the process is to end.
        if closing.is_cancelled() && Instant::now() >= *end.get_or_insert_with(|| Instant::now() + limit) {
            return;
        }
        let Some(payload) = (job.serialise)(job.state.as_ref()) else {
            continue;
        };
        let saved = sqlx::query(SAVE)
            .bind(job.key.aggregate_type)
            .bind(&*job.key.id)
            .bind(job.version as i64)
            .bind(payload)
            .bind(&tag)
            .execute(&pool);
        match timeout(limit, saved).await {
            Ok(Ok(_)) => metrics::counter!("opstella_journal_snapshots_total").increment(1),
            Ok(Err(error)) => {
                tracing::warn!(%error, aggregate_type = job.key.aggregate_type, "a snapshot was not saved");
            }
            Err(_) => {
                tracing::warn!(
                    aggregate_type = job.key.aggregate_type,
                    "a snapshot was not saved in time"
                );
            }
        }
    }
}
