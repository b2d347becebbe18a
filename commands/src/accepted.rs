//! The answer to a command.

use opstella_domain::RunId;
use opstella_journal::Position;
use serde::{Deserialize, Serialize};

/// What a command led to. Kept with its idempotency key, so that a repeat gets the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// Path of the resource that the command made or changed, below `/api/v1`: `/projects/payments`.
    pub resource: String,
    /// The run that the command started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The aggregate's version after the command.
    pub version: u64,
    /// The place of the command's last event: a query may wait for it. `START` where nothing had to change.
    #[serde(skip, default = "start")]
    pub position: Position,
    /// Whether this is the first answer to an earlier, equal request.
    #[serde(skip)]
    pub replayed: bool,
}

fn start() -> Position {
    Position::START
}

impl Accepted {
    pub(crate) fn new(resource: String, version: u64) -> Self {
        Self {
            resource,
            run: None,
            version,
            position: Position::START,
            replayed: false,
        }
    }

    pub(crate) fn with_run(mut self, run: RunId) -> Self {
        self.run = Some(run);
        self
    }
}
