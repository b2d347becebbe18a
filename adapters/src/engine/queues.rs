//! Work that waits for its tool: one bounded queue a connection, and the note of what is under way.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opstella_domain::RunId;
use opstella_domain::plan::StepId;
use opstella_domain::tool_connection::ConnectionKey;
use tokio::sync::mpsc;

/// One try of a step or of its compensation: what may be under way only once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Ticket {
    pub run: RunId,
    pub step: StepId,
    pub attempt: u32,
    pub back: bool,
}

/// What is queued or being carried out, or what waits on a timer.
#[derive(Default)]
pub(super) struct UnderWay(Mutex<HashSet<Ticket>>);

impl UnderWay {
    /// Notes it; false where it is noted already.
    pub fn insert(&self, ticket: &Ticket) -> bool {
        self.tickets().insert(ticket.clone())
    }

    pub fn remove(&self, ticket: &Ticket) {
        self.tickets().remove(ticket);
    }

    fn tickets(&self) -> MutexGuard<'_, HashSet<Ticket>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The queues of all connections. A queue that is asked for the first time is announced, so that a worker follows it.
pub(super) struct Queues {
    capacity: usize,
    senders: Mutex<HashMap<ConnectionKey, mpsc::Sender<Ticket>>>,
    announce: mpsc::UnboundedSender<(ConnectionKey, mpsc::Receiver<Ticket>)>,
    overflow: AtomicBool,
}

impl Queues {
    /// Queues of this capacity each, and where new ones are announced (at most one a connection).
    pub fn new(
        capacity: usize,
    ) -> (
        Arc<Self>,
        mpsc::UnboundedReceiver<(ConnectionKey, mpsc::Receiver<Ticket>)>,
    ) {
        let (announce, announced) = mpsc::unbounded_channel();
        let queues = Self {
            capacity: capacity.max(1),
            senders: Mutex::default(),
            announce,
            overflow: AtomicBool::new(false),
        };
        (Arc::new(queues), announced)
    }

    /// Queues a ticket; false where the queue is full: the step then waits in the journal.
    pub fn push(&self, connection: &ConnectionKey, ticket: Ticket) -> bool {
        let sender = {
            let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
            match senders.get(connection) {
                Some(sender) => sender.clone(),
                None => {
                    let (sender, receiver) = mpsc::channel(self.capacity);
                    senders.insert(connection.clone(), sender.clone());
                    // Only a session that ends has stopped listening.
                    let _ = self.announce.send((connection.clone(), receiver));
                    sender
                }
            }
        };
        let queued = sender.try_send(ticket).is_ok();
        if !queued {
            self.overflow.store(true, Ordering::Relaxed);
        }
        queued
    }

    /// Whether something had to be left in the journal, and there is room again.
    pub fn take_overflow(&self) -> bool {
        if !self.overflow.load(Ordering::Relaxed) {
            return false;
        }
        let senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        let room = senders.values().all(|s| s.capacity() > self.capacity / 2);
        room && self.overflow.swap(false, Ordering::Relaxed)
    }
}
