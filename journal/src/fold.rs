use std::sync::Arc;

use cqrs_es::Aggregate;

use crate::loader::StoredEvent;
use crate::upcast::{Form, Upcasters};
use crate::{JournalError, Loaded};

/// Makes a state from events, one after the other.
pub(crate) struct Fold<'a, A> {
    id: &'a str,
    upcasters: &'a Upcasters,
    state: A,
    pub version: u64,
    weight: u64,
}

impl<'a, A: Aggregate> Fold<'a, A> {
    pub fn new(id: &'a str, upcasters: &'a Upcasters) -> Self {
        Self {
            id,
            upcasters,
            state: A::default(),
            version: 0,
            weight: 0,
        }
    }

    /// Starts from a snapshot. One that does not fit the type is of older code: false, and nothing changes.
    pub fn start_from(&mut self, version: u64, snapshot: &str) -> bool {
        let Ok(state) = serde_json::from_str(snapshot) else {
            return false;
        };
        self.state = state;
        self.version = version;
        self.weight = snapshot.len() as u64;
        true
    }

    pub fn apply(&mut self, mut event: StoredEvent) -> Result<(), JournalError> {
        let corrupt = |reason: String| JournalError::Corrupt {
            aggregate_type: A::TYPE.to_owned(),
            aggregate_id: self.id.to_owned(),
            sequence: event.sequence,
            reason,
        };
        if event.sequence != self.version + 1 {
            return Err(corrupt(format!(
                "it follows event {}: events are missing",
                self.version
            )));
        }
        self.weight = self.weight.saturating_add(event.payload.len() as u64);
        self.upcasters.apply(Form {
            aggregate_type: A::TYPE,
            aggregate_id: self.id,
            sequence: event.sequence,
            event_type: &mut event.event_type,
            event_version: &mut event.event_version,
            payload: &mut event.payload,
        })?;
        let payload: A::Event =
            serde_json::from_str(&event.payload).map_err(|error| JournalError::Corrupt {
                aggregate_type: A::TYPE.to_owned(),
                aggregate_id: self.id.to_owned(),
                sequence: event.sequence,
                reason: format!(
                    "{} {} is not understood ({error}): is an upcaster missing?",
                    event.event_type, event.event_version
                ),
            })?;
        self.state.apply(payload);
        self.version = event.sequence;
        Ok(())
    }

    pub fn finish(self) -> Loaded<A> {
        Loaded {
            id: self.id.to_owned(),
            state: Arc::new(self.state),
            version: self.version,
            warm: false,
            weight: self.weight,
        }
    }
}
