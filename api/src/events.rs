//! New events for streams: one reader of the journal for all of them.

mod aggregates;
mod view;

use std::sync::Arc;

use opstella_journal::{Journal, JournalError, Position, RecordedEvent};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

pub(crate) use aggregates::AGGREGATES;
pub(crate) use opstella_commands::{Concern, concern_of};
pub use view::{ActorView, EventView};

const BATCH: usize = 256;

/// Hands every new event to every stream; a stream that does not keep up reads the journal instead.
#[derive(Clone)]
pub struct EventHub {
    sender: broadcast::Sender<Arc<RecordedEvent>>,
}

impl EventHub {
    /// A hub that keeps that many events for streams that are behind.
    pub fn new(buffer: usize) -> Self {
        Self {
            sender: broadcast::channel(buffer.max(1)).0,
        }
    }

    /// Follows what comes from now on.
    pub fn follow(&self) -> broadcast::Receiver<Arc<RecordedEvent>> {
        self.sender.subscribe()
    }

    /// Reads the journal's events after `from` until cancelled. `from` must be no later than the first stream.
    pub async fn run(&self, journal: Journal, mut from: Position, cancel: CancellationToken) {
        loop {
            let read = self.read(&journal, &mut from);
            tokio::select! {
                result = read => match result {
                    Ok(()) | Err(JournalError::Closed) => return,
                    Err(error) => tracing::warn!(%error, "new events cannot be read; trying again"),
                },
                () = cancel.cancelled() => return,
            }
            tokio::select! {
                () = tokio::time::sleep(std::time::Duration::from_secs(1)) => {}
                () = cancel.cancelled() => return,
            }
        }
    }

    async fn read(&self, journal: &Journal, from: &mut Position) -> Result<(), JournalError> {
        let mut subscription = journal.subscribe(*from);
        loop {
            let batch = subscription.next(BATCH).await?;
            for event in batch.events {
                // Nobody may be listening.
                let _ = self.sender.send(Arc::new(event));
            }
            *from = batch.position;
        }
    }
}
