//! Appending to the record of access.

use opstella_domain::access::log::{Access, AccessCommand};
use opstella_domain::{Decide, Subject};
use opstella_journal::{Append, EventMetadata, Journal, JournalError, StreamAppend};

use crate::CommandError;

/// Tries of an append that conflicts: another process records the same subject.
const TRIES: u32 = 5;

/// Appends what happened to the stream of a subject.
pub(super) async fn append(
    journal: &Journal,
    subject: &Subject,
    metadata: &EventMetadata,
    command: &AccessCommand,
) -> Result<(), CommandError> {
    let mut tries = 1;
    loop {
        let loaded = journal.load::<Access>(subject.as_str()).await?;
        let events = loaded.state.decide(command.clone())?;
        let stream = StreamAppend::of(&loaded, events)?;
        match journal.append(Append::new(metadata.clone(), vec![stream])).await {
            Ok(_) => return Ok(()),
            Err(JournalError::Conflict { .. }) if tries < TRIES => tries += 1,
            Err(error) => return Err(error.into()),
        }
    }
}
