//! The newest events, kept for all subscriptions of a process: those who follow at the head share one read.

use std::collections::VecDeque;
use std::sync::{PoisonError, RwLock};

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::cache::WarmCache;
use crate::event::recorded_columns;
use crate::reader::{Reader, Rows};
use crate::{JournalError, Position, RecordedEvent};

// A row comparison and a range on the same index, so that reading starts where it stopped. Rows of transactions at or
// above the oldest one still running are left alone: an older one may yet commit before them in the order.
// The order names the table: alone, `transaction_id` would be the output column of that name, for which there is no index.
const READ: &str = concat!(
    "SELECT ",
    recorded_columns!(),
    " FROM events WHERE (transaction_id, position) > ($1::text::xid8, $2)",
    " AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())",
    " ORDER BY events.transaction_id, position LIMIT $3"
);

/// How many bytes of events are kept.
const KEPT: usize = 4 << 20;
/// How many events a shared read asks for at least, however few its caller wants.
const SHARED: usize = 256;

/// Consecutive events as stored.
pub(crate) struct Read {
    pub events: Vec<RecordedEvent>,
    /// Whether there are fewer than asked for because they are large.
    pub cut: bool,
    /// Whether there may be more now.
    pub more: bool,
}

/// What a read at the head found, for those who ask while it is under way.
#[derive(Clone, Copy)]
struct Look {
    began: Instant,
    from: Position,
}

/// The newest events and the way to newer ones.
pub(crate) struct Recent {
    reader: Reader,
    cache: WarmCache,
    kept: RwLock<Kept>,
    /// Whose turn it is to read on; the last read that found nothing.
    turn: Mutex<Option<Look>>,
}

impl Recent {
    pub fn new(reader: Reader, cache: WarmCache) -> Self {
        Self {
            reader,
            cache,
            kept: RwLock::default(),
            turn: Mutex::default(),
        }
    }

    /// The events after `from`, at most `max`: those kept, or else a read that all who ask meanwhile share. `most` is how
    /// many large events are read at once where nobody shares.
    pub async fn after(&self, from: Position, max: usize, most: usize) -> Result<Read, JournalError> {
        let asked = Instant::now();
        let mut found = self.look_up(from, max);
        let mut turn = None;
        if matches!(found, Found::ReadOn) {
            let waited = timeout(self.reader.timeout(), self.turn.lock()).await;
            turn = Some(waited.map_err(|_| JournalError::Timeout)?);
            // Whoever had the turn before may have read on.
            found = self.look_up(from, max);
        }
        let mut turn = match (found, turn) {
            (Found::Events(read), _) => return Ok(read),
            (Found::ReadOn, Some(turn)) => turn,
            (_, turn) => {
                drop(turn);
                return self.read(from, max.min(most)).await;
            }
        };
        if turn.is_some_and(|look| look.began >= asked && look.from == from) {
            return Ok(Read {
                events: vec![],
                cut: false,
                more: false,
            });
        }
        *turn = None;
        let (began, epoch) = (Instant::now(), self.epoch());
        let mut read = self.read(from, max.max(SHARED).min(most.max(1))).await?;
        if read.events.is_empty() {
            *turn = Some(Look { began, from });
            return Ok(read);
        }
        self.kept
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .go_on(epoch, from, &read.events);
        if read.events.len() > max {
            read.events.truncate(max);
            read.more = true;
        }
        Ok(read)
    }

    /// Forgets everything: after a lost connection the server may be another one, and behind.
    pub fn clear(&self) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        *kept = Kept {
            epoch: kept.epoch + 1,
            ..Kept::default()
        };
    }

    fn epoch(&self) -> u64 {
        self.kept.read().unwrap_or_else(PoisonError::into_inner).epoch
    }

    fn look_up(&self, from: Position, max: usize) -> Found {
        self.kept
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .after(from, max, self.reader.bytes())
    }

    async fn read(&self, from: Position, limit: usize) -> Result<Read, JournalError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let Rows { rows, cut } = self
            .reader
            .fetch_bounded(|| {
                sqlx::query(READ)
                    .bind(from.transaction_id.to_string())
                    .bind(from.position)
                    .bind(limit)
            })
            .await
            .inspect_err(|_| self.clear())?;
        let mut events = Vec::with_capacity(rows.len());
        for row in &rows {
            let event = RecordedEvent::read(row)?;
            self.cache
                .learn(&event.aggregate_type, &event.aggregate_id, event.sequence);
            events.push(event);
        }
        let more = cut;
        Ok(Read { events, cut, more })
    }
}

enum Found {
    /// These are kept.
    Events(Read),
    /// The place is before what is kept.
    Gone,
    /// It is at its end, or after it.
    ReadOn,
}

/// A run of consecutive events.
#[derive(Default)]
struct Kept {
    /// After which they begin.
    from: Position,
    events: VecDeque<RecordedEvent>,
    bytes: usize,
    /// How often everything was forgotten: what was read before that is not kept.
    epoch: u64,
}

impl Kept {
    fn end(&self) -> Position {
        self.events.back().map_or(self.from, |last| last.position)
    }

    fn after(&self, from: Position, max: usize, bytes: usize) -> Found {
        if from < self.from {
            return Found::Gone;
        }
        if from >= self.end() {
            return Found::ReadOn;
        }
        let first = self.events.partition_point(|event| event.position <= from);
        let mut left = bytes;
        let fits = |event: &&RecordedEvent| {
            let fits = left > 0;
            left = left.saturating_sub(size(event));
            fits
        };
        Found::Events(Read {
            events: self
                .events
                .range(first..)
                .take(max)
                .take_while(fits)
                .cloned()
                .collect(),
            cut: false,
            more: true,
        })
    }

    /// Takes the events that come after `from`, and lets the oldest go where they become too many.
    fn go_on(&mut self, epoch: u64, from: Position, events: &[RecordedEvent]) {
        if epoch != self.epoch {
            return;
        }
        if from != self.end() {
            *self = Self {
                from,
                epoch,
                ..Self::default()
            };
        }
        for event in events {
            self.bytes += size(event);
            self.events.push_back(event.clone());
        }
        while self.bytes > KEPT
            && let Some(oldest) = self.events.pop_front()
        {
            self.bytes -= size(&oldest);
            self.from = oldest.position;
        }
    }
}

fn size(event: &RecordedEvent) -> usize {
    const OVERHEAD: usize = 256;
    event.payload.len() + event.metadata_json.len() + event.aggregate_id.len() + OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(position: i64) -> Position {
        Position {
            transaction_id: 7,
            position,
        }
    }

    fn event(position: i64, bytes: usize) -> RecordedEvent {
        RecordedEvent {
            aggregate_type: "t".into(),
            aggregate_id: "a".into(),
            sequence: 1,
            event_type: "E".into(),
            event_version: "1.0".into(),
            payload: "x".repeat(bytes),
            metadata_json: "{}".into(),
            position: at(position),
            recorded_at: chrono::DateTime::UNIX_EPOCH,
        }
    }

    fn found(kept: &Kept, from: i64, max: usize) -> Option<Vec<i64>> {
        match kept.after(at(from), max, usize::MAX) {
            Found::Events(read) => Some(read.events.iter().map(|event| event.position.position).collect()),
            Found::Gone | Found::ReadOn => None,
        }
    }

    #[test]
    fn hands_out_what_comes_after_a_place_and_nothing_else() {
        let mut kept = Kept::default();
        kept.go_on(0, at(2), &[event(3, 1), event(5, 1)]);
        kept.go_on(0, at(5), &[event(8, 1)]);
        assert_eq!(found(&kept, 2, 9), Some(vec![3, 5, 8]));
        assert_eq!(found(&kept, 3, 1), Some(vec![5]));
        assert_eq!(found(&kept, 4, 9), Some(vec![5, 8]), "a place between two");
        assert!(matches!(kept.after(at(1), 9, 1), Found::Gone));
        assert!(matches!(kept.after(at(8), 9, 1), Found::ReadOn));
    }

    #[test]
    fn hands_out_so_many_bytes_and_at_least_one_event() {
        let mut kept = Kept::default();
        kept.go_on(0, at(0), &[event(1, 5000), event(2, 5000), event(3, 5000)]);
        let so_many = |bytes| match kept.after(at(0), 9, bytes) {
            Found::Events(read) => read.events.len(),
            Found::Gone | Found::ReadOn => 0,
        };
        assert_eq!((so_many(1), so_many(6000)), (1, 2));
    }

    #[test]
    fn what_does_not_follow_takes_the_place_of_what_was_there() {
        let mut kept = Kept::default();
        kept.go_on(0, at(2), &[event(3, 1)]);
        kept.go_on(0, at(20), &[event(30, 1)]);
        assert!(matches!(kept.after(at(2), 9, 1), Found::Gone));
        assert_eq!(found(&kept, 20, 9), Some(vec![30]));
    }

    #[test]
    fn is_bounded_by_bytes() {
        let mut kept = Kept::default();
        for position in 1..=10 {
            kept.go_on(0, at(position - 1), &[event(position, KEPT / 4)]);
        }
        assert!(kept.bytes <= KEPT && kept.events.len() <= 4, "{}", kept.bytes);
        assert!(matches!(kept.after(at(1), 9, 1), Found::Gone));
        assert_eq!(found(&kept, 9, 9), Some(vec![10]));
    }
}
