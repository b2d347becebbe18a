use std::any::Any;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use cqrs_es::{Aggregate, DomainEvent};
use serde_json::Value;

use crate::cache::{AnyState, StreamKey};
use crate::{EventMetadata, JournalError, Loaded, Position};

/// What is stored together or not at all: events of one or more streams, and perhaps an idempotency key.
pub struct Append {
    /// Recorded with each event.
    pub metadata: EventMetadata,
    /// The events; each stream at most once.
    pub streams: Vec<StreamAppend>,
    /// Claimed in the same transaction.
    pub idempotency: Option<IdempotencyClaim>,
}

impl Append {
    /// An append of these streams, without an idempotency key.
    pub fn new(metadata: EventMetadata, streams: Vec<StreamAppend>) -> Self {
        Self {
            metadata,
            streams,
            idempotency: None,
        }
    }

    /// Claims an idempotency key together with the events.
    #[must_use]
    pub fn claiming(mut self, claim: IdempotencyClaim) -> Self {
        self.idempotency = Some(claim);
        self
    }
}

/// One event, ready to be stored.
pub(crate) struct NewEvent {
    pub event_type: String,
    pub event_version: String,
    pub payload: String,
}

/// Makes the JSON of a state whose type only the maker of the append knew.
pub(crate) type Serialise = fn(&(dyn Any + Send + Sync)) -> Option<String>;

/// The state after an append, for the cache and for snapshots.
pub(crate) struct After {
    pub state: AnyState,
    pub weight: u64,
    pub serialise: Serialise,
}

/// New events of one stream, ready to be stored.
pub struct StreamAppend {
    pub(crate) key: StreamKey,
    pub(crate) expected: u64,
    pub(crate) events: Vec<NewEvent>,
    pub(crate) after: Option<After>,
}

impl StreamAppend {
    /// The events that were decided on this state. They are written as JSON here, once, and the state after them is
    /// made here, for the cache.
    pub fn of<A: Aggregate + Clone + 'static>(
        loaded: &Loaded<A>,
        events: Vec<A::Event>,
    ) -> Result<StreamAppend, JournalError> {
        let mut after = (*loaded.state).clone();
        let mut weight = loaded.weight;
        let mut new_events = Vec::with_capacity(events.len());
        for event in events {
            let event_type = event.event_type();
            let payload = serde_json::to_string(&event).map_err(|source| JournalError::Unserialisable {
                what: format!("the event {event_type} of {} {}", A::TYPE, loaded.id),
                source: Arc::new(source),
            })?;
            weight = weight.saturating_add(payload.len() as u64);
            new_events.push(NewEvent {
                event_type,
                event_version: event.event_version(),
                payload,
            });
            after.apply(event);
        }
        Ok(StreamAppend {
            key: StreamKey {
                aggregate_type: A::TYPE,
                id: loaded.id.as_str().into(),
            },
            expected: loaded.version,
            events: new_events,
            after: Some(After {
                state: Arc::new(after),
                weight,
                serialise: serialise::<A>,
            }),
        })
    }

    /// The type of the aggregate.
    pub fn aggregate_type(&self) -> &str {
        self.key.aggregate_type
    }

    /// Its id.
    pub fn aggregate_id(&self) -> &str {
        &self.key.id
    }

    /// Whether there are no new events.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The version that the stream will have.
    pub fn version_after(&self) -> u64 {
        self.expected + self.events.len() as u64
    }
}

fn serialise<A: Aggregate + 'static>(state: &(dyn Any + Send + Sync)) -> Option<String> {
    serde_json::to_string(state.downcast_ref::<A>()?).ok()
}

/// An idempotency key and what it stands for.
#[derive(Debug, Clone)]
pub struct IdempotencyClaim {
    /// Whose key it is: the subject. Two subjects may use the same key.
    pub scope: String,
    /// The key that the client chose.
    pub key: String,
    /// A hash of the request.
    pub fingerprint: String,
    /// What the request is answered; a repeat gets it again.
    pub answer: Value,
    /// When the key is forgotten.
    pub expires_at: DateTime<Utc>,
}

impl IdempotencyClaim {
    /// A claim that is forgotten after 24 hours.
    pub fn new(
        scope: impl Into<String>,
        key: impl Into<String>,
        fingerprint: impl Into<String>,
        answer: Value,
    ) -> Self {
        Self {
            scope: scope.into(),
            key: key.into(),
            fingerprint: fingerprint.into(),
            answer,
            expires_at: Utc::now() + chrono::TimeDelta::hours(24),
        }
    }
}

/// An idempotency key that was claimed before.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The hash of the request that claimed it.
    pub fingerprint: String,
    /// What that request was answered.
    pub answer: Value,
    /// The place of its last event.
    pub position: Position,
    /// The append that claimed it.
    pub(crate) unit: String,
}

impl Claim {
    /// What a request with this key and fingerprint is to be told: the first answer, or that the key was misused.
    pub fn verdict(&self, key: &str, fingerprint: &str) -> JournalError {
        if self.fingerprint == fingerprint {
            JournalError::IdempotencyReplay {
                answer: self.answer.clone(),
                position: self.position,
            }
        } else {
            JournalError::IdempotencyMismatch { key: key.to_owned() }
        }
    }
}

/// What was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The place of the last event; [`Position::START`] when there was none.
    pub position: Position,
    /// The version that each stream has now, in the order of the append.
    pub versions: Vec<u64>,
}
