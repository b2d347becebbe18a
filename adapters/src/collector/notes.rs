//! The collector's notes: which reports are asked for, and when next.

use std::time::Duration;

use chrono::{DateTime, Utc};
use opstella_domain::evidence::{ArtifactKey, ReportKind};
use opstella_domain::release::{Digest, ReleaseKey};
use opstella_domain::{ComponentName, ServiceKey};
use opstella_journal::Position;
use sqlx::PgPool;

use crate::checkpoint;

/// A report that is wanted.
pub(super) struct Wanted<'a> {
    pub release: &'a ReleaseKey,
    pub component: &'a ComponentName,
    pub digest: &'a Digest,
    pub kind: ReportKind,
}

/// A report that a tool may have.
#[derive(Debug, Clone)]
pub(super) struct Sought {
    pub image: ArtifactKey,
    pub kind: ReportKind,
    /// The release that it is recorded for.
    pub release: ReleaseKey,
}

/// A report on what was registered that is due.
#[derive(Debug, Clone)]
pub(super) struct Due {
    pub sought: Sought,
    pub registered_at: DateTime<Utc>,
    /// How often it was asked for in vain.
    pub looks: u32,
    /// How often a tool said that there is a newer one.
    pub anew: i64,
}

/// Component, digest, kind, release, `registered_at`, looks, anew.
type Row = (String, String, String, String, DateTime<Utc>, i32, i64);

pub(super) fn place(service: &ServiceKey, component: &ComponentName) -> String {
    format!("{service}/{component}")
}

/// Where the notes end.
pub(super) async fn checkpoint(pool: &PgPool) -> Result<Position, sqlx::Error> {
    checkpoint::read(pool, "SELECT transaction_id, position FROM collector_checkpoint").await
}

/// Notes how far the journal was followed.
pub(super) async fn note_position(pool: &PgPool, position: Position) -> Result<(), sqlx::Error> {
    checkpoint::note(
        pool,
        "INSERT INTO collector_checkpoint (transaction_id, position) VALUES ($1, $2)
         ON CONFLICT (singleton) DO UPDATE SET transaction_id = $1, position = $2",
        position,
    )
    .await
}

/// From now on the report is asked for.
pub(super) async fn want(
    pool: &PgPool,
    wanted: &Wanted<'_>,
    registered_at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO collector_reports (component, digest, kind, release, registered_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (component, digest, kind) DO UPDATE SET release = $4, registered_at = $5",
    )
    .bind(place(&wanted.release.service, wanted.component))
    .bind(wanted.digest.as_str())
    .bind(wanted.kind.slug())
    .bind(wanted.release.to_string())
    .bind(registered_at)
    .execute(pool)
    .await?;
    Ok(())
}

/// The report is asked for at once, although there may be one.
pub(super) async fn look_now(pool: &PgPool, wanted: &Wanted<'_>) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO collector_reports (component, digest, kind, release, registered_at, anew)
         VALUES ($1, $2, $3, $4, clock_timestamp(), 1)
         ON CONFLICT (component, digest, kind)
         DO UPDATE SET due_at = clock_timestamp(), looks = 0, anew = collector_reports.anew + 1",
    )
    .bind(place(&wanted.release.service, wanted.component))
    .bind(wanted.digest.as_str())
    .bind(wanted.kind.slug())
    .bind(wanted.release.to_string())
    .execute(pool)
    .await?;
    Ok(())
}

/// Forgets the images of a component that this one takes the place of.
pub(super) async fn forget_others(
    pool: &PgPool,
    service: &ServiceKey,
    component: &ComponentName,
    digest: &Digest,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM collector_reports WHERE component = $1 AND digest <> $2")
        .bind(place(service, component))
        .bind(digest.as_str())
        .execute(pool)
        .await?;
    Ok(())
}

/// Reports that are due, the longest overdue first.
pub(super) async fn due(pool: &PgPool, limit: i64) -> Result<Vec<Due>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT component, digest, kind, release, registered_at, looks, anew FROM collector_reports
         WHERE due_at <= clock_timestamp() ORDER BY due_at LIMIT $1",
    )
    .bind(limit)
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(read).collect()
}

fn read(row: Row) -> Result<Due, sqlx::Error> {
    let (component, digest, kind, release, registered_at, looks, anew) = row;
    let (image, release) = image_of(&component, &digest, &release)?;
    Ok(Due {
        sought: Sought {
            image,
            kind: kind.parse().map_err(damaged)?,
            release,
        },
        registered_at,
        looks: looks.unsigned_abs(),
        anew,
    })
}

/// An image, and its release, as they are noted.
pub(super) fn image_of(
    component: &str,
    digest: &str,
    release: &str,
) -> Result<(ArtifactKey, ReleaseKey), sqlx::Error> {
    let image = format!("{component}@{digest}").parse().map_err(damaged)?;
    Ok((image, release.parse().map_err(damaged)?))
}

fn damaged(error: opstella_domain::InvalidValue) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

/// The report is no longer asked for, unless a tool said in the meantime that there is a newer one.
pub(super) async fn done(pool: &PgPool, due: &Due) -> Result<(), sqlx::Error> {
    sqlx::query(
        "DELETE FROM collector_reports WHERE component = $1 AND digest = $2 AND kind = $3 AND anew = $4",
    )
    .bind(place(&due.sought.image.service, &due.sought.image.component))
    .bind(due.sought.image.digest.as_str())
    .bind(due.sought.kind.slug())
    .bind(due.anew)
    .execute(pool)
    .await?;
    Ok(())
}

/// The report is asked for again after a pause, or at once where a tool said in the meantime that there is a newer one.
pub(super) async fn postpone(pool: &PgPool, due: &Due, pause: Duration) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE collector_reports SET looks = looks + 1, due_at = clock_timestamp() + make_interval(secs => $5)
         WHERE component = $1 AND digest = $2 AND kind = $3 AND anew = $4",
    )
    .bind(place(&due.sought.image.service, &due.sought.image.component))
    .bind(due.sought.image.digest.as_str())
    .bind(due.sought.kind.slug())
    .bind(due.anew)
    .bind(pause.as_secs_f64())
    .execute(pool)
    .await?;
    Ok(())
}
