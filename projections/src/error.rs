//! What can go wrong.

use std::sync::Arc;

use opstella_journal::{JournalError, Position};

/// Why a projection could not apply a batch.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// An event is not what the projection knows.
    #[error(
        "event {position} ({aggregate_type} {aggregate_id}, {event_type} {event_version}) is not understood: {source}"
    )]
    Decode {
        /// Its place.
        position: Position,
        /// The type of its aggregate.
        aggregate_type: String,
        /// The id of its aggregate.
        aggregate_id: String,
        /// Its type.
        event_type: String,
        /// The version of its form.
        event_version: String,
        /// What is wrong with it.
        source: Arc<JournalError>,
    },
    /// An event makes no sense after those before it.
    #[error("event {position}: {reason}")]
    Refused {
        /// Its place.
        position: Position,
        /// Why.
        reason: String,
    },
    /// The projection's code panicked.
    #[error("its code panicked: {0}")]
    Panicked(String),
    /// What the projection keeps of a state cannot be written or read as JSON.
    #[error("a kept state is not readable; rebuild the projection: {0}")]
    State(#[from] serde_json::Error),
    /// PostgreSQL refused or could not be reached.
    #[error("PostgreSQL: {0}")]
    Database(#[from] sqlx::Error),
}

impl ApplyError {
    /// Whether the database is away, rather than the event wrong.
    pub fn is_transient(&self) -> bool {
        matches!(self, ApplyError::Database(error) if is_transient(error))
    }
}

/// Why a projection could not be run, rebuilt, waited for or replayed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectionError {
    /// There is no projection of that name.
    #[error("there is no projection {name:?}; there are {}", known.join(", "))]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<&'static str>,
    },
    /// Somebody rebuilds it already.
    #[error("{name} is being rebuilt already, here or by another process: wait until that has ended")]
    RebuildInProgress {
        /// The projection.
        name: String,
    },
    /// The live tables were made by newer code.
    #[error(
        "the tables of {name} were made by version {live} of it and this program has version {ours}: use the newer program"
    )]
    Newer {
        /// The projection.
        name: String,
        /// The version of the live tables.
        live: i32,
        /// The version of this code.
        ours: i32,
    },
    /// The views could not be swapped, because somebody reads them in one very long transaction.
    #[error("the views of {name} are held by a long query or transaction: end it and rebuild again")]
    Held {
        /// The projection.
        name: String,
    },
    /// The projection stopped before the position that was waited for.
    #[error("{name} has stopped at event {at}: {error}")]
    Stopped {
        /// The projection.
        name: String,
        /// The event that it stopped at.
        at: Position,
        /// Why.
        error: String,
    },
    /// The position was not reached in time.
    #[error("{name} did not reach {position} in time; it is at {at}")]
    TimedOut {
        /// The projection.
        name: String,
        /// What was waited for.
        position: Position,
        /// Where it is.
        at: Position,
    },
    /// A replay took too long, or another one is under way.
    #[error(
        "the replay did not end within {seconds} s (one runs at a time): ask again later, or for fewer read models"
    )]
    ReplayTooLong {
        /// The limit.
        seconds: u64,
    },
    /// A batch could not be applied.
    #[error("{name}: {source}")]
    Apply {
        /// The projection.
        name: String,
        /// Why.
        source: Box<ApplyError>,
    },
    /// A rebuild met an event that cannot be applied.
    #[error("{name} cannot be rebuilt over event {at}: {source}")]
    Poisoned {
        /// The projection.
        name: String,
        /// The event.
        at: Position,
        /// Why.
        source: Box<ApplyError>,
    },
    /// The journal could not be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// PostgreSQL refused or could not be reached.
    #[error("PostgreSQL: {0}")]
    Database(#[from] sqlx::Error),
}

impl ProjectionError {
    /// Whether the same may succeed when it is tried again.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Journal(error) => error.is_transient(),
            Self::Database(error) => is_transient(error),
            Self::Apply { source, .. } => source.is_transient(),
            Self::RebuildInProgress { .. } | Self::Held { .. } | Self::ReplayTooLong { .. } => true,
            _ => false,
        }
    }
}

/// Why a question could not be answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The cursor is not one of ours, or of another question.
    #[error("the cursor is not valid: pass `next` of the page before as it was, with the same filters")]
    Cursor,
    /// PostgreSQL refused or could not be reached.
    #[error("PostgreSQL: {0}")]
    Database(#[from] sqlx::Error),
}

/// Whether the database is away or busy, rather than the request wrong.
pub(crate) fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => true,
        sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => true,
        // Connection exceptions, a transaction that was ended, rollbacks, lack of resources, object in use, operator
        // intervention, errors of the disk.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            ["08", "25", "40", "53", "55", "57", "58"]
                .iter()
                .any(|class| code.starts_with(class))
        }),
        _ => false,
    }
}

/// Whether a lock was not to be had in time.
pub(crate) fn is_lock_timeout(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some("55P03" | "40P01"))
}
