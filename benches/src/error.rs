//! Why a benchmark has no result.

use thiserror::Error;

/// Why a benchmark has no result.
#[derive(Debug, Error)]
pub enum BenchError {
    /// A server did not start.
    #[error(transparent)]
    Server(#[from] opstella_devservers::DevServerError),
    /// The journal refused.
    #[error(transparent)]
    Journal(#[from] opstella_journal::JournalError),
    /// PostgreSQL refused.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
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
    /// A file or a program.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The report does not serialise.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// Something else that must not be.
    #[error("{0}")]
    Unexpected(String),
}
