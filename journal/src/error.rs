use std::sync::Arc;

use cqrs_es::persist::PersistenceError;
use serde_json::Value;

use crate::Position;

/// Why the journal did not do what it was asked.
///
/// Unless the variant says otherwise, nothing was stored.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// Somebody else appended to the stream since it was loaded. Load it again and decide again.
    #[error(
        "{aggregate_type} {aggregate_id} is no longer at version {expected}: load it again and decide again"
    )]
    Conflict {
        /// The type of the aggregate.
        aggregate_type: String,
        /// Its id.
        aggregate_id: String,
        /// The version that the append was decided on.
        expected: u64,
    },
    /// The same request was made before under this idempotency key: here is what it was answered.
    #[error("this request was made before; its first answer is given again")]
    IdempotencyReplay {
        /// The first answer's body.
        answer: Value,
        /// The place of the first request's last event.
        position: Position,
    },
    /// Another request was made before under this idempotency key.
    #[error(
        "the idempotency key {key:?} was used before for another request: use a new key for a new request"
    )]
    IdempotencyMismatch {
        /// The key.
        key: String,
    },
    /// Too many appends wait.
    #[error("the journal's queue is full: try again in a moment")]
    QueueFull,
    /// The append did not get its turn in time.
    #[error("the journal did not get to it in time: try again")]
    Timeout,
    /// The connection was lost while the append was being committed and could not be restored in time: it may have
    /// been stored or not. The aggregates concerned are no longer cached; load them to find out.
    #[error(
        "the connection was lost during the commit; whether it was stored is not known: load again to find out"
    )]
    OutcomeUnknown,
    /// More than the limit.
    #[error("{what} is {actual} and may be at most {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        actual: usize,
        /// How large it may be.
        limit: usize,
    },
    /// The append makes no sense as it is.
    #[error("this cannot be appended: {0}")]
    Invalid(String),
    /// An event, a state or an answer cannot be written as JSON.
    #[error("{what} cannot be written as JSON: {source}")]
    Unserialisable {
        /// What was to be written.
        what: String,
        /// Why it cannot be.
        source: Arc<serde_json::Error>,
    },
    /// What is stored cannot be understood: an upcaster is missing, or the table was tampered with.
    #[error("{aggregate_type} {aggregate_id}, event {sequence}: {reason}")]
    Corrupt {
        /// The type of the aggregate.
        aggregate_type: String,
        /// Its id.
        aggregate_id: String,
        /// The event's number in its stream.
        sequence: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The table holds transaction ids that this PostgreSQL cluster has not given out yet: it was restored from a
    /// dump of another cluster, and its events would stay hidden from every reader.
    #[error(
        "the newest event is of transaction {newest}, but this cluster is only at {current}: after restoring a dump, \
         advance the cluster's transaction id past it (pg_resetwal --next-transaction-id/--epoch)"
    )]
    TransactionIdsAhead {
        /// The newest event's transaction.
        newest: u64,
        /// The transaction id that the cluster gives out next.
        current: u64,
    },
    /// PostgreSQL refused or could not be reached.
    #[error("PostgreSQL: {0}")]
    Database(#[source] Arc<sqlx::Error>),
    /// A migration failed.
    #[error("migrating the schema: {0}")]
    Migration(#[source] Arc<sqlx::migrate::MigrateError>),
    /// The journal was closed.
    #[error("the journal is closed")]
    Closed,
}

impl From<sqlx::Error> for JournalError {
    fn from(error: sqlx::Error) -> Self {
        JournalError::Database(Arc::new(error))
    }
}

impl JournalError {
    /// Whether the same append may succeed when it is simply sent again (after decided anew, for a conflict).
    pub fn is_transient(&self) -> bool {
        match self {
            JournalError::Conflict { .. } | JournalError::QueueFull | JournalError::Timeout => true,
            JournalError::Database(error) => is_transient(error),
            _ => false,
        }
    }
}

/// Whether the database is away, rather than the request wrong.
pub(crate) fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => true,
        sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => true,
        // Connection exceptions, rollbacks, lack of resources, operator intervention.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            ["08", "40", "53", "55", "57"]
                .iter()
                .any(|class| code.starts_with(class))
        }),
        _ => false,
    }
}

impl From<JournalError> for PersistenceError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Conflict { .. } => PersistenceError::OptimisticLockError,
            JournalError::Corrupt { .. } => PersistenceError::DeserializationError(Box::new(error)),
            JournalError::Database(_) | JournalError::Timeout | JournalError::OutcomeUnknown => {
                PersistenceError::ConnectionError(Box::new(error))
            }
            other => PersistenceError::UnknownError(Box::new(other)),
        }
    }
}
