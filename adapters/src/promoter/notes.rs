//! The promoter's notes: which environments have a promotion that waits, which run something, and which releases wait to
//! be taken to DEV.

use std::time::Duration;

use opstella_domain::ServiceKey;
use opstella_domain::promotion::{EnvironmentKey, ServiceEnvironment};
use opstella_domain::release::ReleaseKey;
use opstella_journal::Position;
use sqlx::PgPool;

use crate::checkpoint;

/// Which environments are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// Those with a promotion that waits for gates.
    Waiting,
    /// Those that run something.
    Deployed,
}

/// Where the notes end.
pub(super) async fn checkpoint(pool: &PgPool) -> Result<Position, sqlx::Error> {
    checkpoint::read(pool, "SELECT transaction_id, position FROM promoter_checkpoint").await
}

/// Notes how far the journal was followed.
pub(super) async fn note_position(pool: &PgPool, position: Position) -> Result<(), sqlx::Error> {
    checkpoint::note(
        pool,
        "INSERT INTO promoter_checkpoint (transaction_id, position) VALUES ($1, $2)
         ON CONFLICT (singleton) DO UPDATE SET transaction_id = $1, position = $2",
        position,
    )
    .await
}

/// Notes an environment as it is now.
pub(super) async fn note(
    pool: &PgPool,
    key: &EnvironmentKey,
    now: &ServiceEnvironment,
) -> Result<(), sqlx::Error> {
    let waiting = now.in_flight.as_ref().is_some_and(|p| p.run.is_none());
    sqlx::query(
        "INSERT INTO promoter_environments (environment, waiting, deployed) VALUES ($1, $2, $3)
         ON CONFLICT (environment) DO UPDATE SET waiting = $2, deployed = $3",
    )
    .bind(key.to_string())
    .bind(waiting)
    .bind(now.current.is_some())
    .execute(pool)
    .await?;
    Ok(())
}

/// Environments after the given one, in order of their keys.
pub(super) async fn page(
    pool: &PgPool,
    which: Which,
    after: &str,
    limit: i64,
) -> Result<Vec<EnvironmentKey>, sqlx::Error> {
    let keys: Vec<String> = sqlx::query_scalar(
        "SELECT environment FROM promoter_environments
         WHERE (CASE WHEN $1 THEN waiting ELSE deployed END) AND environment > $2
         ORDER BY environment LIMIT $3",
    )
    .bind(which == Which::Waiting)
    .bind(after)
    .bind(limit)
    .fetch_all(pool)
    .await?;
    Ok(keys.iter().filter_map(|key| key.parse().ok()).collect())
}

/// Notes that a release was refused for the first time, instead of any other of its service.
pub(super) async fn keep_release(
    pool: &PgPool,
    release: &ReleaseKey,
    until: Duration,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO promoter_releases (service, release, due_at)
         VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))
         ON CONFLICT (service) DO UPDATE SET release = $2, refusals = 1, due_at = excluded.due_at",
    )
    .bind(release.service.to_string())
    .bind(release.to_string())
    .bind(until.as_secs_f64())
    .execute(pool)
    .await?;
    Ok(())
}

/// Notes that it was refused once more.
pub(super) async fn postpone_release(
    pool: &PgPool,
    release: &ReleaseKey,
    until: Duration,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE promoter_releases
         SET refusals = refusals + 1, due_at = clock_timestamp() + make_interval(secs => $3)
         WHERE service = $1 AND release = $2",
    )
    .bind(release.service.to_string())
    .bind(release.to_string())
    .bind(until.as_secs_f64())
    .execute(pool)
    .await?;
    Ok(())
}

/// Something happened to these services: what of them was refused may be taken now.
pub(super) async fn ask_for_releases(
    pool: &PgPool,
    services: impl IntoIterator<Item = &ServiceKey>,
) -> Result<(), sqlx::Error> {
    let services: Vec<String> = services.into_iter().map(ToString::to_string).collect();
    if services.is_empty() {
        return Ok(());
    }
    sqlx::query("UPDATE promoter_releases SET due_at = clock_timestamp() WHERE service = ANY ($1)")
        .bind(services)
        .execute(pool)
        .await?;
    Ok(())
}

/// The same, of all services.
pub(super) async fn ask_for_all_releases(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE promoter_releases SET due_at = clock_timestamp()")
        .execute(pool)
        .await?;
    Ok(())
}

/// No release of the service waits any more.
pub(super) async fn forget_release(pool: &PgPool, service: &ServiceKey) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM promoter_releases WHERE service = $1")
        .bind(service.to_string())
        .execute(pool)
        .await?;
    Ok(())
}

/// The release of a service that waits to be taken to DEV, and how often it was refused.
pub(super) async fn kept_release(
    pool: &PgPool,
    service: &ServiceKey,
) -> Result<Option<(ReleaseKey, u32)>, sqlx::Error> {
    let kept: Option<(String, i32)> =
        sqlx::query_as("SELECT release, refusals FROM promoter_releases WHERE service = $1")
            .bind(service.to_string())
            .fetch_optional(pool)
            .await?;
    Ok(kept.and_then(|(release, refusals)| Some((release.parse().ok()?, refusals.unsigned_abs()))))
}

/// Services of which a release waits and is due, the longest overdue first.
pub(super) async fn waiting_for_dev(pool: &PgPool, limit: i64) -> Result<Vec<ServiceKey>, sqlx::Error> {
    let keys: Vec<String> = sqlx::query_scalar(
        "SELECT service FROM promoter_releases WHERE due_at <= clock_timestamp() ORDER BY due_at LIMIT $1",
    )
    .bind(limit)
    .fetch_all(pool)
    .await?;
    Ok(keys.iter().filter_map(|key| key.parse().ok()).collect())
}
