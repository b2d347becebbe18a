use std::sync::Arc;

use sqlx::PgPool;

use crate::JournalError;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../schema/migrations");

/// Brings the schema up to date. Processes that do it at once wait for each other (by an advisory lock).
pub async fn migrate(pool: &PgPool) -> Result<(), JournalError> {
    MIGRATIONS
        .run(pool)
        .await
        .map_err(|error| JournalError::Migration(Arc::new(error)))
}
