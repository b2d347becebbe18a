//! Which Opstella this is: a table of one row, made with it.

use opstella_domain::InstallationId;
use sqlx::PgPool;

/// The id that the database holds.
///
/// # Errors
/// Where it cannot be read.
pub async fn stored(pool: &PgPool) -> Result<InstallationId, sqlx::Error> {
    sqlx::query_scalar("SELECT id FROM installation")
        .fetch_one(pool)
        .await
        .map(InstallationId)
}
