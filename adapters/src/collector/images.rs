//! The collector's notes on images that wait in a promotion, or run somewhere: a tool may scan them again at any time.

use std::collections::BTreeMap;
use std::time::Duration;

use opstella_domain::ComponentName;
use opstella_domain::evidence::{ArtifactKey, ReportKind};
use opstella_domain::promotion::{Deployment, EnvironmentKey, ServiceEnvironment};
use opstella_domain::release::{Digest, ReleaseKey, ReleaseVersion};
use sqlx::PgPool;

use super::notes::{self, Sought, place};

/// What an environment carries and runs, and of which release.
fn images(key: &EnvironmentKey, now: &ServiceEnvironment) -> BTreeMap<ArtifactKey, ReleaseVersion> {
    let carried = now.in_flight.iter().chain(&now.queue);
    let carried = carried.map(|promotion| (&promotion.release, &promotion.images));
    let carried = carried.flat_map(|(release, images)| images.iter().map(move |image| (image, release)));
    let runs = now.current.iter().flat_map(|current| {
        let images = current.images.iter();
        images.map(|image| (image, brought_by(now, image).unwrap_or(&current.release)))
    });
    let all = carried.chain(runs).map(|((component, digest), release)| {
        let image = ArtifactKey {
            service: key.service.clone(),
            component: component.clone(),
            digest: digest.clone(),
        };
        (image, release.clone())
    });
    all.collect()
}

/// The release that brought an image: a later one that has none of the component's leaves it running.
fn brought_by<'a>(
    now: &'a ServiceEnvironment,
    (component, digest): (&ComponentName, &Digest),
) -> Option<&'a ReleaseVersion> {
    let has = |deployment: &&Deployment| deployment.images.get(component) == Some(digest);
    now.history.iter().find(has).map(|deployment| &deployment.release)
}

/// Notes what an environment carries and runs now; what is new to it is asked for after `every`.
pub(super) async fn note(
    pool: &PgPool,
    key: &EnvironmentKey,
    now: &ServiceEnvironment,
    every: Duration,
) -> Result<(), sqlx::Error> {
    let images = images(key, now);
    let components: Vec<String> = images.keys().map(|i| place(&i.service, &i.component)).collect();
    let digests: Vec<&str> = images.keys().map(|image| image.digest.as_str()).collect();
    let release = |version: &ReleaseVersion| {
        let (service, version) = (key.service.clone(), version.clone());
        ReleaseKey { service, version }.to_string()
    };
    let releases: Vec<String> = images.values().map(release).collect();
    sqlx::query(
        "WITH now AS (SELECT * FROM unnest($2::text[], $3::text[], $4::text[]) AS now (component, digest, release)),
              over AS (DELETE FROM collector_images i WHERE environment = $1
                       AND NOT EXISTS (SELECT FROM now n WHERE n.component = i.component AND n.digest = i.digest))
         INSERT INTO collector_images (environment, component, digest, release, due_at)
         SELECT $1, component, digest, release, clock_timestamp() + make_interval(secs => $5) FROM now
         ON CONFLICT (environment, component, digest) DO UPDATE SET release = excluded.release",
    )
    .bind(key.to_string())
    .bind(components)
    .bind(digests)
    .bind(releases)
    .bind(every.as_secs_f64())
    .execute(pool)
    .await?;
    Ok(())
}

/// Images that are to be asked for again, the longest overdue first, each once wherever it is.
pub(super) async fn due(pool: &PgPool, kind: ReportKind, limit: i64) -> Result<Vec<Sought>, sqlx::Error> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT component, digest, min(release) FROM collector_images
         WHERE due_at <= clock_timestamp() GROUP BY component, digest ORDER BY min(due_at) LIMIT $1",
    )
    .bind(limit)
    .fetch_all(pool)
    .await?;
    let read = |(component, digest, release): (String, String, String)| {
        let (image, release) = notes::image_of(&component, &digest, &release)?;
        Ok(Sought { image, kind, release })
    };
    rows.into_iter().map(read).collect()
}

/// The image is asked for again after this time, wherever it is.
pub(super) async fn postpone(pool: &PgPool, image: &ArtifactKey, by: Duration) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE collector_images SET due_at = clock_timestamp() + make_interval(secs => $3)
         WHERE component = $1 AND digest = $2",
    )
    .bind(place(&image.service, &image.component))
    .bind(image.digest.as_str())
    .bind(by.as_secs_f64())
    .execute(pool)
    .await?;
    Ok(())
}
