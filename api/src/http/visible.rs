//! Read-your-writes: a query that names a position waits until its read models have reached it.

use std::time::Duration;

use actix_web::HttpRequest;
use opstella_journal::Position;
use opstella_projections::{ProjectionError, QueryError};

use super::params::QueryParams;
use crate::problem::{Problem, ProblemKind, internal};
use crate::state::AppState;

/// The header that commands answer with, and that queries take as well as `?after=`.
pub const POSITION: &str = "X-Opstella-Position";

/// Waits for the position that the request names, if it names one.
///
/// # Errors
/// [`ProblemKind::InvalidParameter`] where it is none, [`ProblemKind::NotYetVisible`] where it takes too long.
pub async fn wait_for_named(
    state: &AppState,
    request: &HttpRequest,
    query: &QueryParams,
    names: &[&str],
) -> Result<(), Problem> {
    let header = request.headers().get(POSITION).and_then(|v| v.to_str().ok());
    let (name, text) = match (query.get("after"), header) {
        (Some(text), _) => ("after", text),
        (None, Some(text)) => (POSITION, text),
        (None, None) => return Ok(()),
    };
    let rule = "a position as X-Opstella-Position gave it, such as 123-456";
    let position: Position = text.parse().map_err(|_| Problem::parameter(name, rule, text))?;
    wait_for(state, names, position).await
}

/// Waits for a position.
///
/// # Errors
/// [`ProblemKind::NotYetVisible`] where it takes too long.
pub async fn wait_for(state: &AppState, names: &[&str], position: Position) -> Result<(), Problem> {
    let patience = Duration::from_secs(state.config.limits.read_your_writes_seconds);
    Ok(state.projections.wait_for(names, position, patience).await?)
}

impl From<ProjectionError> for Problem {
    fn from(error: ProjectionError) -> Self {
        match error {
            ProjectionError::TimedOut { .. } | ProjectionError::Stopped { .. } => {
                Self::new(ProblemKind::NotYetVisible, error.to_string())
                    .hint("ask again in a moment; /readyz says whether a projection has stopped")
                    .header("Retry-After", "1")
            }
            ProjectionError::Journal(error) => error.into(),
            error if error.is_transient() => unavailable(&error),
            error => internal(error),
        }
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Cursor => Self::parameter("cursor", error.to_string(), ""),
            QueryError::Database(error) => ProjectionError::Database(error).into(),
            error => internal(error),
        }
    }
}

fn unavailable(error: &ProjectionError) -> Problem {
    tracing::warn!(%error, "the database is away");
    Problem::new(
        ProblemKind::Unavailable,
        "the database is away; try again in a moment",
    )
    .header("Retry-After", "2")
}
