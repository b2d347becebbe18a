use std::time::Duration;

use chrono::Utc;
use tokio::sync::watch;

use crate::{Journal, JournalError, Position, RecordedEvent};

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
    /// Whether there may be more now even though it has fewer events than asked for, because they are large for one.
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
            let held_back = self.journal.inner.held_back.any().await;
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
        let max = max.max(1);
        let read = self
            .journal
            .inner
            .recent
            .after(self.position, max, self.most)
            .await?;
        // What is beyond the bytes of one read was sent for nothing: of large events, fewer are asked for next time.
        let short = read.more || (read.events.len() == self.most && self.most < max);
        self.most = if read.cut {
            read.events.len().max(1)
        } else {
            self.most.saturating_mul(2)
        };
        let events = if self.upcast {
            let upcasters = &self.journal.inner.upcasters;
            let today = read.events.into_iter().map(|event| event.upcast(upcasters));
            today.collect::<Result<Vec<_>, _>>()?
        } else {
            read.events
        };
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
}
