use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::append::StreamAppend;
use crate::cache::StreamKey;
use crate::{Append, Appended, IdempotencyClaim, JournalError, JournalOptions};

/// Whether the committer or the caller's timeout gets the unit: exactly one of them.
#[derive(Clone, Default)]
pub(crate) struct Ticket(Arc<AtomicBool>);

impl Ticket {
    /// True for the first who asks.
    pub fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

/// An append on its way to the table.
pub(crate) struct Unit {
    /// Names the append in its events' metadata, so that its fate can be read back.
    pub id: String,
    pub metadata: String,
    pub streams: Vec<StreamAppend>,
    pub claim: Option<(IdempotencyClaim, String)>,
    pub rows: usize,
    pub bytes: usize,
    pub deadline: Instant,
    pub ticket: Ticket,
    pub answer: oneshot::Sender<Result<Appended, JournalError>>,
    /// It was sent and the connection lost before the answer.
    pub in_doubt: bool,
}

impl Unit {
    /// Checks the append against the limits and writes its metadata.
    pub fn new(
        append: Append,
        options: &JournalOptions,
        answer: oneshot::Sender<Result<Appended, JournalError>>,
    ) -> Result<Unit, JournalError> {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let metadata = append
            .metadata
            .to_json(&id)
            .map_err(|source| JournalError::Unserialisable {
                what: "the metadata".to_owned(),
                source: Arc::new(source),
            })?;
        let at_most = |what, actual, limit| {
            if actual > limit {
                Err(JournalError::TooLarge { what, actual, limit })
            } else {
                Ok(())
            }
        };
        let mut rows = 0;
        let mut bytes = 0;
        for (index, stream) in append.streams.iter().enumerate() {
            check_id(&stream.key.id, options)?;
            if append
                .streams
                .iter()
                .take(index)
                .any(|other| other.key == stream.key)
            {
                return Err(JournalError::Invalid(format!(
                    "{} {} is in it twice: join its events into one",
                    stream.aggregate_type(),
                    stream.aggregate_id()
                )));
            }
            for event in &stream.events {
                at_most(
                    "an event's payload (bytes)",
                    event.payload.len(),
                    options.max_event_bytes,
                )?;
                rows += 1;
                bytes += event.payload.len() + metadata.len();
            }
        }
        at_most(
            "the number of events in one append",
            rows,
            options.max_unit_events,
        )?;
        let claim = append.idempotency.map(written).transpose()?;
        if let Some((claim, answer)) = &claim {
            at_most(
                "an idempotency key (bytes)",
                claim.key.len(),
                options.max_id_bytes,
            )?;
            at_most(
                "an idempotency key's scope (bytes)",
                claim.scope.len(),
                options.max_id_bytes,
            )?;
            at_most(
                "an idempotency fingerprint (bytes)",
                claim.fingerprint.len(),
                options.max_id_bytes,
            )?;
            if [&claim.key, &claim.scope, &claim.fingerprint]
                .iter()
                .any(|text| text.contains('\0'))
            {
                return Err(JournalError::Invalid(
                    "an idempotency key has a NUL character in it".to_owned(),
                ));
            }
            at_most(
                "the answer kept for an idempotency key (bytes)",
                answer.len(),
                options.max_event_bytes,
            )?;
            bytes += answer.len();
        }
        at_most("one append (bytes)", bytes, options.max_unit_bytes)?;
        Ok(Unit {
            id,
            metadata,
            streams: append.streams,
            claim,
            rows,
            bytes,
            deadline: Instant::now() + options.append_timeout,
            ticket: Ticket::default(),
            answer,
            in_doubt: false,
        })
    }

    pub fn keys(&self) -> impl Iterator<Item = &StreamKey> {
        self.streams.iter().map(|stream| &stream.key)
    }

    pub fn versions(&self) -> Vec<u64> {
        self.streams.iter().map(StreamAppend::version_after).collect()
    }

    pub fn reject(self, error: JournalError) {
        // Nobody listens when the caller gave up.
        let _ = self.answer.send(Err(error));
    }
}

fn check_id(id: &str, options: &JournalOptions) -> Result<(), JournalError> {
    if id.is_empty() || id.contains('\0') {
        return Err(JournalError::Invalid(
            "an aggregate's id is empty or has a NUL character in it".to_owned(),
        ));
    }
    if id.len() > options.max_id_bytes {
        return Err(JournalError::TooLarge {
            what: "an aggregate's id (bytes)",
            actual: id.len(),
            limit: options.max_id_bytes,
        });
    }
    Ok(())
}

fn written(claim: IdempotencyClaim) -> Result<(IdempotencyClaim, String), JournalError> {
    let answer = serde_json::to_string(&claim.answer).map_err(|source| JournalError::Unserialisable {
        what: "the answer of an idempotency key".to_owned(),
        source: Arc::new(source),
    })?;
    Ok((claim, answer))
}
