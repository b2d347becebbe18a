//! The promoter's notes: which environments have a promotion that waits, which run something, and which releases wait to
//! be taken to DEV.

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

/// Environments after the given one, in order of their keys; those whose key begins with `prefix`.
pub(super) async fn page(
    pool: &PgPool,
    which: Which,
    prefix: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<EnvironmentKey>, sqlx::Error> {
    let keys: Vec<String> = sqlx::query_scalar(
        "SELECT environment FROM promoter_environments
         WHERE (CASE WHEN $1 THEN waiting ELSE deployed END) AND starts_with(environment, $2) AND environment > $3
         ORDER BY environment LIMIT $4",
    )
    .bind(which == Which::Waiting)
    .bind(prefix)
    .bind(after)
    .bind(limit)
    .fetch_all(pool)
    .await?;
    Ok(keys.iter().filter_map(|key| key.parse().ok()).collect())
}

/// Notes that a release waits to be taken to DEV, instead of any other of its service.
pub(super) async fn keep_release(pool: &PgPool, release: &ReleaseKey) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO promoter_releases (service, release) VALUES ($1, $2)
         ON CONFLICT (service) DO UPDATE SET release = $2",
    )
    .bind(release.service.to_string())
    .bind(release.to_string())
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

/// The release of a service that waits to be taken to DEV.
pub(super) async fn kept_release(
    pool: &PgPool,
    service: &ServiceKey,
) -> Result<Option<ReleaseKey>, sqlx::Error> {
    let release: Option<String> =
        sqlx::query_scalar("SELECT release FROM promoter_releases WHERE service = $1")
            .bind(service.to_string())
            .fetch_optional(pool)
            .await?;
    Ok(release.and_then(|release| release.parse().ok()))
}

/// Services after the given one, in order of their keys, of which a release waits.
pub(super) async fn waiting_for_dev(
    pool: &PgPool,
    after: &str,
    limit: i64,
) -> Result<Vec<ServiceKey>, sqlx::Error> {
    let keys: Vec<String> = sqlx::query_scalar(
        "SELECT service FROM promoter_releases WHERE service > $1 ORDER BY service LIMIT $2",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(pool)
    .await?;
    Ok(keys.iter().filter_map(|key| key.parse().ok()).collect())
}
