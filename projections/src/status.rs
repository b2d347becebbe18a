//! Where the projections stand, for people and for alerts.

use chrono::{DateTime, Utc};
use opstella_journal::Position;
use serde::Serialize;
use sqlx::Row;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use crate::checkpoint::{self, Checkpoint};
use crate::decode::bigint;
use crate::projections::Shared;
use crate::{Projection, ProjectionError};

/// Events behind are counted up to this.
const COUNTED: i64 = 100_000;

const LAG: &str = "
SELECT (SELECT count(*) FROM (SELECT FROM events WHERE (transaction_id, position) > ($1::text::xid8, $2) LIMIT $3) b),
       coalesce((SELECT greatest(extract(epoch FROM clock_timestamp() - recorded_at) * 1000, 0) FROM events
                 WHERE (transaction_id, position) > ($1::text::xid8, $2)
                 ORDER BY transaction_id, position LIMIT 1), 0)::bigint";

/// What a projection does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProjectionState {
    /// Applies events as they come.
    Running,
    /// Has met an event that it cannot apply.
    Stopped,
    /// Has no tables yet.
    Absent,
}

impl ProjectionState {
    /// The name in the API.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Absent => "absent",
        }
    }
}

/// A build that is being filled beside the live one.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RebuildStatus {
    /// The number of the build.
    pub generation: i64,
    /// The version of the code that fills it.
    pub version: i32,
    /// How far it is.
    #[schema(value_type = String)]
    pub position: Position,
    /// When it last moved.
    pub updated_at: DateTime<Utc>,
}

/// Where a projection stands.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ProjectionStatus {
    /// Its name.
    pub name: String,
    /// The version of the code that made the live tables.
    pub version: i32,
    /// The version of this program's code; a higher one is rebuilt at the next start.
    pub code_version: i32,
    /// The number of the live build.
    pub generation: i64,
    /// Everything up to this event is in it.
    #[schema(value_type = String)]
    pub position: Position,
    /// The newest event.
    #[schema(value_type = String)]
    pub head: Position,
    /// Events that are not in it yet, counted up to 100000.
    pub lag_events: u64,
    /// Age of the oldest event that is not in it yet.
    pub lag_ms: u64,
    /// What it does.
    pub status: ProjectionState,
    /// Why it stopped.
    pub error: Option<String>,
    /// The event that it stopped at.
    #[schema(value_type = Option<String>)]
    pub stopped_at: Option<Position>,
    /// When it last moved.
    pub updated_at: Option<DateTime<Utc>>,
    /// The build that is being filled beside it.
    pub rebuild: Option<RebuildStatus>,
}

pub(crate) async fn status(shared: &Shared) -> Result<Vec<ProjectionStatus>, ProjectionError> {
    let builds = checkpoint::all(shared.pool()).await?;
    let head = shared.journal.head().await?;
    let mut all = Vec::with_capacity(shared.projections.len());
    for projection in &shared.projections {
        all.push(status_of(shared, projection.as_ref(), &builds, head).await?);
    }
    Ok(all)
}

async fn status_of(
    shared: &Shared,
    projection: &dyn Projection,
    builds: &[Checkpoint],
    head: Position,
) -> Result<ProjectionStatus, ProjectionError> {
    let ours = || builds.iter().filter(|build| build.name == projection.name());
    let live = ours().find(|build| build.live);
    let position = live.map_or(Position::START, |build| build.position);
    let row = sqlx::query(LAG)
        .bind(position.transaction_id.to_string())
        .bind(position.position)
        .bind(COUNTED)
        .fetch_one(shared.pool())
        .await?;
    let rebuild = ours().rfind(|build| build.status == "rebuilding");
    Ok(ProjectionStatus {
        name: projection.name().to_owned(),
        version: live.map_or(0, |build| build.version),
        code_version: projection.version(),
        generation: live.map_or(0, |build| build.generation),
        position,
        head: head.max(position),
        lag_events: row.try_get::<i64, _>(0)?.unsigned_abs(),
        lag_ms: row.try_get::<i64, _>(1)?.unsigned_abs(),
        status: match live {
            None => ProjectionState::Absent,
            Some(build) if build.stopped() => ProjectionState::Stopped,
            Some(_) => ProjectionState::Running,
        },
        error: live.and_then(|build| build.error.clone()),
        stopped_at: live.and_then(|build| build.stopped_at),
        updated_at: live.map(|build| build.updated_at),
        rebuild: rebuild.map(|build| RebuildStatus {
            generation: build.generation,
            version: build.version,
            position: build.position,
            updated_at: build.updated_at,
        }),
    })
}

/// Sets the gauges again and again, so that a projection that does nothing shows its lag too.
pub(crate) async fn keep_gauges(shared: &Shared, cancel: &CancellationToken) {
    loop {
        match status(shared).await {
            Ok(all) => all.iter().for_each(show),
            Err(error) => tracing::debug!(%error, "the lag of the projections could not be read"),
        }
        tokio::select! {
            () = tokio::time::sleep(shared.options.gauge_interval) => {}
            () = cancel.cancelled() => return,
        }
    }
}

fn show(status: &ProjectionStatus) {
    let name = status.name.clone();
    metrics::gauge!("opstella_projection_lag_events", "projection" => name.clone())
        .set(bigint(status.lag_events) as f64);
    metrics::gauge!("opstella_projection_lag_seconds", "projection" => name)
        .set(bigint(status.lag_ms) as f64 / 1000.0);
    show_stopped(&status.name, status.status == ProjectionState::Stopped);
}

/// The metric to alert on.
pub(crate) fn show_stopped(name: &str, stopped: bool) {
    metrics::gauge!("opstella_projection_stopped", "projection" => name.to_owned()).set(if stopped {
        1.0
    } else {
        0.0
    });
}
