//! Builds: the schemas that hold a projection's tables.

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};

use crate::checkpoint::{self, Checkpoint};
use crate::error::is_lock_timeout;
use crate::identifier::quoted;
use crate::session::{LockClass, Session, answered};
use crate::{Projection, ProjectionError, views};

/// The live build; an empty one is made if there is none.
pub(crate) async fn ensure_live(
    session: &mut Session,
    projection: &dyn Projection,
) -> Result<Checkpoint, ProjectionError> {
    answered(session.patience, find_or_make(session, projection)).await
}

async fn find_or_make(
    session: &mut Session,
    projection: &dyn Projection,
) -> Result<Checkpoint, ProjectionError> {
    if let Some(live) = checkpoint::live(&mut session.connection, projection.name()).await? {
        return Ok(live);
    }
    let mut tx = session.connection.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1, 0)")
        .bind(LockClass::Prepare as i32)
        .execute(&mut *tx)
        .await?;
    if let Some(live) = checkpoint::live(&mut *tx, projection.name()).await? {
        return Ok(live);
    }
    let build = checkpoint::insert(&mut tx, projection.name(), projection.version(), true).await?;
    make_tables(&mut tx, projection, &build).await?;
    views::publish(&mut tx, projection, &build.schema).await?;
    tx.commit().await?;
    Ok(build)
}

/// A new, empty build beside the live one.
pub(crate) async fn make_beside(
    session: &mut Session,
    projection: &dyn Projection,
) -> Result<Checkpoint, ProjectionError> {
    let mut tx = session.connection.begin().await?;
    let build = checkpoint::insert(&mut tx, projection.name(), projection.version(), false).await?;
    make_tables(&mut tx, projection, &build).await?;
    tx.commit().await?;
    Ok(build)
}

async fn make_tables(
    tx: &mut PgConnection,
    projection: &dyn Projection,
    build: &Checkpoint,
) -> Result<(), sqlx::Error> {
    let schema = quoted(&build.schema);
    let enter = format!("CREATE SCHEMA {schema}; SELECT set_config('search_path', '{schema}', true)");
    tx.execute(sqlx::raw_sql(AssertSqlSafe(enter))).await?;
    tx.execute(sqlx::raw_sql(projection.tables())).await?;
    let home =
        "SELECT set_config('search_path', reset_val, true) FROM pg_settings WHERE name = 'search_path'";
    tx.execute(home).await?;
    Ok(())
}

/// Removes every build of a projection that is not live. What is still being read is left for the next time.
pub(crate) async fn drop_leftovers(session: &mut Session, name: &str) -> Result<(), sqlx::Error> {
    let rows = sqlx::query(
        "SELECT generation, schema_name FROM projection_checkpoints WHERE name = $1 AND NOT live",
    )
    .bind(name)
    .fetch_all(&mut session.connection)
    .await?;
    for row in rows {
        let (generation, schema): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
        match drop_build(&mut session.connection, name, generation, &schema).await {
            Err(error) if is_lock_timeout(&error) => {
                tracing::info!(
                    name,
                    schema,
                    "an old build is still being read; it is removed later"
                );
            }
            other => other?,
        }
    }
    Ok(())
}

async fn drop_build(
    connection: &mut PgConnection,
    name: &str,
    generation: i64,
    schema: &str,
) -> Result<(), sqlx::Error> {
    let mut tx = connection.begin().await?;
    let drop = format!(
        "SET LOCAL lock_timeout = '500ms'; DROP SCHEMA IF EXISTS {} CASCADE",
        quoted(schema)
    );
    tx.execute(sqlx::raw_sql(AssertSqlSafe(drop))).await?;
    sqlx::query("DELETE FROM projection_checkpoints WHERE name = $1 AND generation = $2 AND NOT live")
        .bind(name)
        .bind(generation)
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}
