use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::upcast::{Form, Upcasters};
use crate::{EventMetadata, JournalError, Position};

/// An event as the journal holds it, brought to today's form by the upcasters.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedEvent {
    /// The type of the aggregate.
    pub aggregate_type: String,
    /// Its id.
    pub aggregate_id: String,
    /// The event's number in its stream; the first is 1.
    pub sequence: u64,
    /// What happened.
    pub event_type: String,
    /// The version of the payload's form.
    pub event_version: String,
    /// The event as JSON: the exact text stored, unless an upcaster changed it.
    pub payload: String,
    /// The metadata as JSON, the exact text stored; [`metadata`](Self::metadata) reads it.
    pub metadata_json: String,
    /// Its place in the order of all events.
    pub position: Position,
    /// When PostgreSQL took it.
    pub recorded_at: DateTime<Utc>,
}

/// The columns that [`RecordedEvent::read`] reads, in this order.
macro_rules! recorded_columns {
    () => {
        "aggregate_type, aggregate_id, sequence, event_type, event_version, payload::text, metadata::text, \
         transaction_id::text::bigint, position, recorded_at"
    };
}
pub(crate) use recorded_columns;

impl RecordedEvent {
    /// The payload as a type.
    pub fn payload_as<T: DeserializeOwned>(&self) -> Result<T, JournalError> {
        serde_json::from_str(&self.payload).map_err(|error| self.corrupt(format!("its payload: {error}")))
    }

    /// Who, what, why.
    pub fn metadata(&self) -> Result<EventMetadata, JournalError> {
        serde_json::from_str::<BTreeMap<String, String>>(&self.metadata_json)
            .map(EventMetadata::from_map)
            .map_err(|error| self.corrupt(format!("its metadata: {error}")))
    }

    pub(crate) fn read(row: &PgRow) -> Result<RecordedEvent, sqlx::Error> {
        Ok(RecordedEvent {
            aggregate_type: row.try_get(0)?,
            aggregate_id: row.try_get(1)?,
            sequence: row.try_get::<i64, _>(2)?.unsigned_abs(),
            event_type: row.try_get(3)?,
            event_version: row.try_get(4)?,
            payload: row.try_get(5)?,
            metadata_json: row.try_get(6)?,
            position: Position {
                transaction_id: row.try_get::<i64, _>(7)?.unsigned_abs(),
                position: row.try_get(8)?,
            },
            recorded_at: row.try_get(9)?,
        })
    }

    pub(crate) fn upcast(mut self, upcasters: &Upcasters) -> Result<RecordedEvent, JournalError> {
        upcasters.apply(Form {
            aggregate_type: &self.aggregate_type,
            aggregate_id: &self.aggregate_id,
            sequence: self.sequence,
            event_type: &mut self.event_type,
            event_version: &mut self.event_version,
            payload: &mut self.payload,
        })?;
        Ok(self)
    }

    fn corrupt(&self, reason: String) -> JournalError {
        JournalError::Corrupt {
            aggregate_type: self.aggregate_type.clone(),
            aggregate_id: self.aggregate_id.clone(),
            sequence: self.sequence,
            reason,
        }
    }
}
