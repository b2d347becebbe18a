use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use sqlx::Row;

use crate::cache::{StreamKey, Warm};
use crate::event::recorded_columns;
use crate::fold::Fold;
use crate::{Journal, JournalError, Loaded, RecordedEvent};

const HISTORY: &str = concat!(
    "SELECT ",
    recorded_columns!(),
    " FROM events WHERE aggregate_type = $1 AND aggregate_id = $2 AND sequence >= $3 ORDER BY sequence LIMIT $4"
);

// The stream up to the first event that is later; clocks may be set back, the order of a stream cannot.
const LAST_AS_OF: &str = "
SELECT coalesce(
    (SELECT sequence - 1 FROM events
     WHERE aggregate_type = $1 AND aggregate_id = $2 AND recorded_at > $3 ORDER BY sequence LIMIT 1),
    (SELECT sequence FROM events
     WHERE aggregate_type = $1 AND aggregate_id = $2 ORDER BY sequence DESC LIMIT 1),
    0)";

impl Journal {
    /// The aggregate as this process knows it: from the warm cache if it is there, else from the table.
    pub async fn load<A: Aggregate + Clone + 'static>(&self, id: &str) -> Result<Loaded<A>, JournalError> {
        let key = StreamKey {
            aggregate_type: A::TYPE,
            id: id.into(),
        };
        match self.remembered(&key) {
            Some(warm) => Ok(warm),
            None => self.load_key(key).await,
        }
    }

    /// An aggregate that a command is about to make: from the warm cache if it is there, else taken not to exist, without
    /// a look at the table. The append finds out, by a conflict; after one, and before a refusal, load it with
    /// [`load_fresh`](Self::load_fresh).
    pub fn load_new<A: Aggregate + Clone + 'static>(&self, id: &str) -> Loaded<A> {
        let key = StreamKey {
            aggregate_type: A::TYPE,
            id: id.into(),
        };
        self.remembered(&key).unwrap_or_else(|| {
            metrics::counter!("opstella_journal_loads_total", "from" => "nowhere").increment(1);
            self.inner.cache.expect(&key);
            Loaded {
                warm: true,
                ..Loaded::absent(id)
            }
        })
    }

    fn remembered<A: Aggregate + 'static>(&self, key: &StreamKey) -> Option<Loaded<A>> {
        let warm = self.inner.cache.get(key)?;
        let state = warm.state.downcast::<A>().ok()?;
        metrics::counter!("opstella_journal_loads_total", "from" => "cache").increment(1);
        Some(Loaded {
            id: key.id.to_string(),
            state,
            version: warm.version,
            warm: true,
            weight: warm.weight,
        })
    }

    /// The aggregate as the table has it now, whatever the cache says.
    pub async fn load_fresh<A: Aggregate + Clone + 'static>(
        &self,
        id: &str,
    ) -> Result<Loaded<A>, JournalError> {
        self.load_key(StreamKey {
            aggregate_type: A::TYPE,
            id: id.into(),
        })
        .await
    }

    async fn load_key<A: Aggregate + 'static>(&self, key: StreamKey) -> Result<Loaded<A>, JournalError> {
        metrics::counter!("opstella_journal_loads_total", "from" => "table").increment(1);
        self.inner.cache.expect(&key);
        let loaded = self.read_current::<A>(&key).await?;
        if loaded.version > 0 {
            let warm = Warm {
                state: loaded.state.clone(),
                version: loaded.version,
                weight: loaded.weight,
            };
            self.inner.cache.put(key, warm);
        }
        Ok(loaded)
    }

    pub(crate) async fn read_current<A: Aggregate>(
        &self,
        key: &StreamKey,
    ) -> Result<Loaded<A>, JournalError> {
        let stored = self.inner.loader.read(key).await?;
        let mut fold = Fold::<A>::new(&key.id, &self.inner.upcasters);
        let from_start = match &stored.snapshot {
            Some((version, snapshot)) => !fold.start_from(*version, snapshot),
            None => false,
        };
        let mut more = from_start || stored.more;
        if !from_start {
            for event in stored.events {
                fold.apply(event)?;
            }
        }
        while more {
            let events;
            (events, more) = self.inner.loader.read_after(key, fold.version).await?;
            for event in events {
                fold.apply(event)?;
            }
        }
        Ok(fold.finish())
    }

    /// The aggregate as it was after its event number `version` (or after its last, if it has fewer).
    pub async fn load_up_to_version<A: Aggregate>(
        &self,
        id: &str,
        version: u64,
    ) -> Result<Loaded<A>, JournalError> {
        let key = StreamKey {
            aggregate_type: A::TYPE,
            id: id.into(),
        };
        let mut fold = Fold::<A>::new(id, &self.inner.upcasters);
        while fold.version < version {
            let (events, more) = self.inner.loader.read_after(&key, fold.version).await?;
            for event in events.into_iter().take_while(|event| event.sequence <= version) {
                fold.apply(event)?;
            }
            if !more {
                break;
            }
        }
        Ok(fold.finish())
    }

    /// The aggregate as it was at that instant, by PostgreSQL's clock.
    pub async fn load_as_of<A: Aggregate>(
        &self,
        id: &str,
        instant: DateTime<Utc>,
    ) -> Result<Loaded<A>, JournalError> {
        let rows = self
            .inner
            .reader
            .fetch_all(|| sqlx::query(LAST_AS_OF).bind(A::TYPE).bind(id).bind(instant))
            .await?;
        let last = rows
            .first()
            .map(|row| row.try_get::<i64, _>(0))
            .transpose()?
            .unwrap_or_default();
        self.load_up_to_version(id, last.unsigned_abs()).await
    }

    /// The events of one stream from number `from_sequence` on, at most `limit` of them, in today's form.
    pub async fn history(
        &self,
        aggregate_type: &str,
        id: &str,
        from_sequence: u64,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, JournalError> {
        self.history_as_stored(aggregate_type, id, from_sequence, limit)
            .await?
            .into_iter()
            .map(|event| event.upcast(&self.inner.upcasters))
            .collect()
    }

    /// As [`history`](Self::history), but exactly as stored: for proofs that nothing was edited.
    pub async fn history_as_stored(
        &self,
        aggregate_type: &str,
        id: &str,
        from_sequence: u64,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, JournalError> {
        let from = i64::try_from(from_sequence).unwrap_or(i64::MAX);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self
            .inner
            .reader
            .fetch_all(|| {
                sqlx::query(HISTORY)
                    .bind(aggregate_type)
                    .bind(id)
                    .bind(from)
                    .bind(limit)
            })
            .await?;
        rows.iter()
            .map(|row| RecordedEvent::read(row).map_err(JournalError::from))
            .collect()
    }
}
