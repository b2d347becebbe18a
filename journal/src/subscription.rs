use std::time::Duration;

use chrono::Utc;
use sqlx::Row;
use tokio::sync::watch;

use crate::event::recorded_columns;
use crate::reader::Rows;
use crate::{Journal, JournalError, Position, RecordedEvent};

// A row comparison and a range on the same index, so that reading starts where it stopped. Rows of transactions at or
// above the oldest one still running are left alone: an older one may yet commit before them in the order.
// The order names the table: alone, `transaction_id` would be the output column of that name, for which there is no index.
pub(crate) const READ: &str = concat!(
    "SELECT ",
    recorded_columns!(),
    " FROM events WHERE (transaction_id, position) > ($1::text::xid8, $2)",
    " AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())",
    " ORDER BY events.transaction_id, position LIMIT $3"
);

// What is committed and cannot be read yet, because an older transaction is still running somewhere in the cluster.
const HELD_BACK: &str = "
SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(recorded_at)) * 1000, 0)::float8
FROM (SELECT recorded_at FROM events
      WHERE transaction_id >= pg_snapshot_xmin(pg_current_snapshot())
      ORDER BY transaction_id, position LIMIT 10000) AS held";

/// The pause before looking again for events that an older transaction holds back: nobody tells when it ends.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Consecutive events.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// In the order of their positions.
    pub events: Vec<RecordedEvent>,
    /// Where to go on: the position of the last event, or where the subscription stood if there is none.
    pub position: Position,
    /// Whether it has fewer events than asked for because they are large: there may be more now.
    pub cut: bool,
}

/// All events after a position: in order, without a gap, each once.
///
/// The order is that of the writing transactions' ids. An event can be read when no older transaction is running any
/// more in the whole PostgreSQL cluster: a long-running writing transaction anywhere delays all readers, which the
/// gauges `opstella_journal_held_back_events` and `opstella_journal_held_back_ms` show.
pub struct Subscription {
    journal: Journal,
    position: Position,
    wakes: watch::Receiver<u64>,
    upcast: bool,
    /// How many large events are read at once; small ones are read as asked for.
    most: usize,
}

impl Journal {
    /// Follows all events after `from`. Many may do so at once.
    pub fn subscribe(&self, from: Position) -> Subscription {
        Subscription {
            wakes: self.inner.wake.subscribe(),
            journal: self.clone(),
            position: from,
            upcast: true,
            most: usize::MAX,
        }
    }

    /// As [`subscribe`](Self::subscribe), but events come exactly as stored: for proofs that nothing was edited.
    pub fn subscribe_as_stored(&self, from: Position) -> Subscription {
        Subscription {
            upcast: false,
            ..self.subscribe(from)
        }
    }
}

impl Subscription {
    /// Where it stands: after the last event handed out.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The next events, at most `max`; waits until there is at least one. While the database is away it waits too.
    /// Dropping the future loses nothing.
    pub async fn next(&mut self, max: usize) -> Result<Batch, JournalError> {
        let mut pause = FIRST_PAUSE;
        loop {
            // Before looking, so that what is committed after it wakes us.
            self.wakes.borrow_and_update();
            match self.try_next(max).await {
                Ok(batch) if !batch.events.is_empty() => return Ok(batch),
                Ok(_) => {}
                Err(error) if error.is_transient() && !self.journal.is_closed() => {
                    tracing::warn!(%error, "a subscription could not read; trying again");
                    pause = LONGEST_PAUSE;
                }
                Err(error) => return Err(error),
            }
            let held_back = self.held_back().await;
            let patience = if held_back {
                pause
            } else {
                self.journal.inner.options.poll_interval
            };
            pause = if held_back {
                (pause * 2).min(LONGEST_PAUSE)
            } else {
                FIRST_PAUSE
            };
            tokio::select! {
                changed = self.wakes.changed() => changed.map_err(|_| JournalError::Closed)?,
                () = tokio::time::sleep(patience) => {}
                () = self.journal.closed() => return Err(JournalError::Closed),
            }
        }
    }

    /// The next events, at most `max`, or none if there are none now.
    pub async fn try_next(&mut self, max: usize) -> Result<Batch, JournalError> {
        let limit = i64::try_from(max.max(1).min(self.most)).unwrap_or(i64::MAX);
        let from = self.position;
        let Rows { rows, cut } = self
            .journal
            .inner
            .reader
            .fetch_bounded(|| {
                sqlx::query(READ)
                    .bind(from.transaction_id.to_string())
                    .bind(from.position)
                    .bind(limit)
            })
            .await?;
        // What is beyond the bytes of one read was sent for nothing: of large events, fewer are asked for next time.
        let short = cut || rows.len() == self.most;
        self.most = if cut {
            rows.len().max(1)
        } else {
            self.most.saturating_mul(2)
        };
        let mut events = Vec::with_capacity(rows.len());
        for row in &rows {
            let event = RecordedEvent::read(row)?;
            let (of, id) = (&event.aggregate_type, &event.aggregate_id);
            self.journal.inner.cache.learn(of, id, event.sequence);
            events.push(if self.upcast {
                event.upcast(&self.journal.inner.upcasters)?
            } else {
                event
            });
        }
        if let Some(last) = events.last() {
            self.position = last.position;
            let lag = Utc::now()
                .signed_duration_since(last.recorded_at)
                .num_microseconds()
                .unwrap_or_default();
            metrics::histogram!("opstella_journal_subscription_lag_seconds").record(lag.max(0) as f64 / 1e6);
        }
        Ok(Batch {
            events,
            position: self.position,
            cut: short,
        })
    }

    /// Whether something is committed that cannot be read yet. Errors are left to the next read.
    async fn held_back(&self) -> bool {
        let Ok(rows) = self
            .journal
            .inner
            .reader
            .fetch_all(|| sqlx::query(HELD_BACK))
            .await
        else {
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
