use std::sync::Arc;

use sqlx::PgPool;

use crate::JournalError;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../schema/migrations");

/// How a database's schema fits this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaState {
    /// It is this program's.
    Current,
    /// Migrations are missing, or all of them.
    Older,
    /// A later program migrated it: what that made is not known here.
    Newer,
}

/// Looks how the schema fits, without changing anything.
///
/// # Errors
/// Where the database does not answer.
pub async fn schema_state(pool: &PgPool) -> Result<SchemaState, sqlx::Error> {
    let there: Option<String> = sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations')::text")
        .fetch_one(pool)
        .await?;
    if there.is_none() {
        return Ok(SchemaState::Older);
    }
    let done: Vec<i64> = sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success")
        .fetch_all(pool)
        .await?;
    let known: Vec<i64> = MIGRATIONS.iter().map(|migration| migration.version).collect();
    if known.iter().any(|version| !done.contains(version)) {
        return Ok(SchemaState::Older);
    }
    Ok(match done.iter().all(|version| known.contains(version)) {
        true => SchemaState::Current,
        false => SchemaState::Newer,
    })
}

/// Brings the schema up to date. Processes that do it at once wait for each other (by an advisory lock).
pub async fn migrate(pool: &PgPool) -> Result<(), JournalError> {
    MIGRATIONS
        .run(pool)
        .await
        .map_err(|error| JournalError::Migration(Arc::new(error)))
}
