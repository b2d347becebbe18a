use std::collections::BTreeMap;

use cqrs_es::Aggregate;
use cqrs_es::persist::{
    PersistedEventRepository, PersistenceError, ReplayStream, SerializedEvent, SerializedSnapshot,
};
use serde_json::Value;

use crate::append::NewEvent;
use crate::cache::StreamKey;
use crate::loader::PAGE;
use crate::{Append, EventMetadata, Journal, JournalError, Position, RecordedEvent, StreamAppend};

/// The journal as a repository of cqrs-es, for its `PersistedEventStore` and `CqrsFramework`.
///
/// Snapshots handed to it are ignored: the journal makes its own, and what it hands out as a snapshot is the
/// aggregate as it stands, so that event, snapshot and aggregate stores all work over it.
#[derive(Clone)]
pub struct JournalRepository {
    journal: Journal,
}

const CHANNEL: usize = 200;

impl JournalRepository {
    /// A repository over this journal.
    pub fn new(journal: Journal) -> Self {
        Self { journal }
    }

    async fn events_after(
        &self,
        aggregate_type: &str,
        id: &str,
        sequence: u64,
    ) -> Result<Vec<SerializedEvent>, PersistenceError> {
        let mut events = Vec::new();
        let mut next = sequence + 1;
        loop {
            let page = self.journal.history(aggregate_type, id, next, PAGE).await?;
            let last_page = page.len() < PAGE;
            for event in page {
                next = event.sequence + 1;
                events.push(serialized(event)?);
            }
            if last_page {
                return Ok(events);
            }
        }
    }
}

impl PersistedEventRepository for JournalRepository {
    async fn get_events<A: Aggregate>(&self, id: &str) -> Result<Vec<SerializedEvent>, PersistenceError> {
        self.events_after(A::TYPE, id, 0).await
    }

    async fn get_last_events<A: Aggregate>(
        &self,
        id: &str,
        last_sequence: usize,
    ) -> Result<Vec<SerializedEvent>, PersistenceError> {
        self.events_after(A::TYPE, id, last_sequence as u64).await
    }

    async fn get_snapshot<A: Aggregate>(
        &self,
        id: &str,
    ) -> Result<Option<SerializedSnapshot>, PersistenceError> {
        let key = StreamKey {
            aggregate_type: A::TYPE,
            id: id.into(),
        };
        let loaded = self.journal.read_current::<A>(&key).await?;
        if loaded.version == 0 {
            return Ok(None);
        }
        Ok(Some(SerializedSnapshot {
            aggregate_id: id.to_owned(),
            aggregate: serde_json::to_value(&*loaded.state)?,
            current_sequence: loaded.version as usize,
            current_snapshot: loaded.version as usize,
        }))
    }

    async fn persist<A: Aggregate>(
        &self,
        events: &[SerializedEvent],
        _snapshot_update: Option<(String, Value, usize)>,
    ) -> Result<(), PersistenceError> {
        let Some(first) = events.first() else {
            return Ok(());
        };
        let consecutive = events.iter().zip(first.sequence..).all(|(event, sequence)| {
            event.sequence == sequence && event.aggregate_id == first.aggregate_id && sequence > 0
        });
        if !consecutive {
            return Err(JournalError::Invalid(
                "its events are not consecutive events of one aggregate, counted from 1".to_owned(),
            )
            .into());
        }
        let metadata: BTreeMap<String, String> = match &first.metadata {
            Value::Null => BTreeMap::new(),
            metadata => serde_json::from_value(metadata.clone())?,
        };
        let stream = StreamAppend {
            key: StreamKey {
                aggregate_type: A::TYPE,
                id: first.aggregate_id.as_str().into(),
            },
            expected: first.sequence as u64 - 1,
            events: events
                .iter()
                .map(|event| NewEvent {
                    event_type: event.event_type.clone(),
                    event_version: event.event_version.clone(),
                    payload: event.payload.to_string(),
                })
                .collect(),
            after: None,
        };
        self.journal
            .append(Append::new(EventMetadata::from_map(metadata), vec![stream]))
            .await?;
        Ok(())
    }

    async fn stream_events<A: Aggregate>(&self, id: &str) -> Result<ReplayStream, PersistenceError> {
        let (mut feed, stream) = ReplayStream::new(CHANNEL);
        let (journal, id) = (self.journal.clone(), id.to_owned());
        tokio::spawn(async move {
            let mut next = 1;
            loop {
                let page = match journal.history(A::TYPE, &id, next, PAGE).await {
                    Ok(page) => page,
                    Err(error) => {
                        // Nobody listens when the reader is gone.
                        let _ = feed.push(Err(error.into())).await;
                        return;
                    }
                };
                let last_page = page.len() < PAGE;
                for event in page {
                    next = event.sequence + 1;
                    if feed.push(serialized(event)).await.is_err() {
                        return;
                    }
                }
                if last_page {
                    return;
                }
            }
        });
        Ok(stream)
    }

    async fn stream_all_events<A: Aggregate>(&self) -> Result<ReplayStream, PersistenceError> {
        let (mut feed, stream) = ReplayStream::new(CHANNEL);
        let mut events = self.journal.subscribe(Position::START);
        tokio::spawn(async move {
            loop {
                let batch = match events.try_next(PAGE).await {
                    Ok(batch) => batch,
                    Err(error) => {
                        let _ = feed.push(Err(error.into())).await;
                        return;
                    }
                };
                if batch.events.is_empty() {
                    return;
                }
                for event in batch
                    .events
                    .into_iter()
                    .filter(|event| event.aggregate_type == A::TYPE)
                {
                    if feed.push(serialized(event)).await.is_err() {
                        return;
                    }
                }
            }
        });
        Ok(stream)
    }
}

fn serialized(event: RecordedEvent) -> Result<SerializedEvent, PersistenceError> {
    Ok(SerializedEvent::new(
        event.aggregate_id,
        event.sequence as usize,
        event.aggregate_type,
        event.event_type,
        event.event_version,
        serde_json::from_str(&event.payload)?,
        serde_json::from_str(&event.metadata_json)?,
    ))
}
