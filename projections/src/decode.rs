//! From recorded events to the domain's.

use std::sync::Arc;

use opstella_journal::RecordedEvent;
use serde::de::DeserializeOwned;

use crate::ApplyError;

/// The event as the domain knows it.
pub(crate) fn decode<T: DeserializeOwned>(event: &RecordedEvent) -> Result<T, ApplyError> {
    event.payload_as().map_err(|source| ApplyError::Decode {
        position: event.position,
        aggregate_type: event.aggregate_type.clone(),
        aggregate_id: event.aggregate_id.clone(),
        event_type: event.event_type.clone(),
        event_version: event.event_version.clone(),
        source: Arc::new(source),
    })
}

/// The halves of a position as PostgreSQL's bigints.
pub(crate) fn halves(event: &RecordedEvent) -> (i64, i64) {
    (
        event.position.transaction_id.cast_signed(),
        event.position.position,
    )
}

/// A number of PostgreSQL's.
pub(crate) fn bigint(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A small number of PostgreSQL's.
pub(crate) fn integer(number: impl TryInto<i32>) -> i32 {
    number.try_into().unwrap_or(i32::MAX)
}
