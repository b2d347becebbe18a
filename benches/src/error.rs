use opstella_devservers::DevServerError;
use opstella_journal::JournalError;
use opstella_projections::{ProjectionError, QueryError};

/// Why a benchmark could not be run.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The server did not start.
    #[error("the private server: {0}")]
    Server(#[from] DevServerError),
    /// A statement failed.
    #[error("PostgreSQL: {0}")]
    Database(#[from] sqlx::Error),
    /// The journal failed.
    #[error("the journal: {0}")]
    Journal(#[from] JournalError),
    /// A read model could not be made.
    #[error("the read models: {0}")]
    Projection(#[from] ProjectionError),
    /// A query failed.
    #[error("a query: {0}")]
    Query(#[from] QueryError),
    /// A value of the benchmark's own does not parse.
    #[error(transparent)]
    Value(#[from] opstella_domain::InvalidValue),
    /// Its plan is not one.
    #[error(transparent)]
    Plan(#[from] opstella_domain::plan::PlanError),
    /// The domain refused.
    #[error(transparent)]
    Domain(#[from] opstella_domain::DomainError),
    /// It took far too long.
    #[error("nothing happened in time: {0}")]
    Elapsed(#[from] tokio::time::error::Elapsed),
    /// A run did not go as it must.
    #[error("{0}")]
    Unexpected(String),
    /// A peer failed.
    #[error("{peer}: {reason}")]
    Peer {
        /// Which.
        peer: &'static str,
        /// How.
        reason: String,
    },
    /// The system refused.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The result cannot be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// A task of the benchmark ended early.
    #[error(transparent)]
    Task(#[from] tokio::task::JoinError),
}
