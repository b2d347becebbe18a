//! Appending to the record of access.

use opstella_domain::access::log::{Access, AccessCommand};
use opstella_domain::{Decide, Subject};
use opstella_journal::{Append, EventMetadata, IdempotencyClaim, Journal, JournalError, StreamAppend};
use serde_json::Value;

use crate::{CommandError, IdempotencyKey};

/// Tries of an append that conflicts: another process records the same subject.
const TRIES: u32 = 5;
/// Whose keys these are: nobody's who sends requests.
const KEYS_OF: &str = "system:access";

/// Appends what happened to the stream of a subject; under a key, once.
pub(super) async fn append(
    journal: &Journal,
    subject: &Subject,
    metadata: &EventMetadata,
    command: &AccessCommand,
    once: Option<&IdempotencyKey>,
) -> Result<(), CommandError> {
    let mut tries = 1;
    loop {
        let loaded = journal.load::<Access>(subject.as_str()).await?;
        let events = loaded.state.decide(command.clone())?;
        let stream = StreamAppend::of(&loaded, events)?;
        let mut append = Append::new(metadata.clone(), vec![stream]);
        if let Some(once) = once {
            let (key, fingerprint) = (once.key.clone(), once.fingerprint.clone());
            append = append.claiming(IdempotencyClaim::new(KEYS_OF, key, fingerprint, Value::Null));
        }
        match journal.append(append).await {
            Ok(_) | Err(JournalError::IdempotencyReplay { .. }) => return Ok(()),
            Err(JournalError::Conflict { .. }) if tries < TRIES => tries += 1,
            Err(error) => return Err(error.into()),
        }
    }
}
