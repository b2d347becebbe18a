//! Whether something is committed that readers cannot have yet.

use sqlx::Row;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::reader::Reader;

// What is committed and cannot be read yet, because an older transaction is still running somewhere in the cluster.
const HELD_BACK: &str = "
SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(recorded_at)) * 1000, 0)::float8
FROM (SELECT recorded_at FROM events
      WHERE transaction_id >= pg_snapshot_xmin(pg_current_snapshot())
      ORDER BY transaction_id, position LIMIT 10000) AS held";

/// Whether there was something, and when that was looked at.
#[derive(Clone, Copy)]
struct Look {
    began: Instant,
    any: bool,
}

/// Looks at what is held back; all who ask while one looks share the next look.
pub(crate) struct HeldBack {
    reader: Reader,
    last: Mutex<Option<Look>>,
}

impl HeldBack {
    pub fn new(reader: Reader) -> Self {
        Self {
            reader,
            last: Mutex::default(),
        }
    }

    /// Whether something is committed that cannot be read yet. Errors are left to the next read.
    pub async fn any(&self) -> bool {
        let asked = Instant::now();
        let Ok(mut last) = timeout(self.reader.timeout(), self.last.lock()).await else {
            return false;
        };
        if let Some(look) = last.filter(|look| look.began >= asked) {
            return look.any;
        }
        let began = Instant::now();
        let any = self.look().await;
        *last = Some(Look { began, any });
        any
    }

    async fn look(&self) -> bool {
        let Ok(rows) = self.reader.fetch_all(|| sqlx::query(HELD_BACK)).await else {
            return false;
        };
        let Some(row) = rows.first() else { return false };
        let events = row.try_get::<i64, _>(0).unwrap_or_default();
        let milliseconds = row.try_get::<f64, _>(1).unwrap_or_default();
        metrics::gauge!("opstella_journal_held_back_events").set(events as f64);
        metrics::gauge!("opstella_journal_held_back_ms").set(if events > 0 {
            milliseconds.max(0.0)
        } else {
            0.0
        });
        events > 0
    }
}
