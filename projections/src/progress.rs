//! How far each projection is, as this process knows it, and who waits for that.

use std::collections::BTreeMap;

use opstella_journal::Position;
use tokio::sync::{Notify, watch};

/// One projection's news within this process.
pub(crate) struct Progress {
    /// The live build's position, as far as this process moved it or has seen it.
    reached: watch::Sender<Position>,
    /// Rings when a stopped projection may go on, or its build was swapped.
    pub changed: Notify,
}

impl Progress {
    fn new() -> Self {
        Self {
            reached: watch::Sender::new(Position::START),
            changed: Notify::new(),
        }
    }

    /// The live build is there.
    pub fn reached(&self, position: Position) {
        self.reached.send_if_modified(|known| {
            let further = *known < position;
            *known = (*known).max(position);
            further
        });
    }

    /// The live build stands here, perhaps behind where it was: PostgreSQL's crash may have taken something back.
    pub fn stands_at(&self, position: Position) {
        self.reached.send_replace(position);
    }

    /// Follows it.
    pub fn follow(&self) -> watch::Receiver<Position> {
        self.reached.subscribe()
    }
}

/// All of them.
pub(crate) struct Hub(BTreeMap<&'static str, Progress>, Progress);

impl Hub {
    pub fn new(names: impl Iterator<Item = &'static str>) -> Self {
        Self(
            names.map(|name| (name, Progress::new())).collect(),
            Progress::new(),
        )
    }

    /// The one of that name; for an unknown name, one that nobody moves.
    pub fn of(&self, name: &str) -> &Progress {
        self.0.get(name).unwrap_or(&self.1)
    }
}
