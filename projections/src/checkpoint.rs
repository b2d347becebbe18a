//! The rows of `projection_checkpoints`.

use chrono::{DateTime, Utc};
use opstella_journal::{Position, RecordedEvent};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor, Row};

/// One build of a projection and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Checkpoint {
    pub name: String,
    pub generation: i64,
    pub version: i32,
    pub schema: String,
    pub live: bool,
    pub status: String,
    pub position: Position,
    pub error: Option<String>,
    pub stopped_at: Option<Position>,
    pub updated_at: DateTime<Utc>,
}

macro_rules! columns {
    () => {
        "name, generation, version, schema_name, live, status, transaction_id::text::bigint, position, error, \
         stopped_transaction_id::text::bigint, stopped_position, updated_at"
    };
}

impl Checkpoint {
    pub fn stopped(&self) -> bool {
        self.status == "stopped"
    }

    fn read(row: &PgRow) -> Result<Checkpoint, sqlx::Error> {
        let stopped: (Option<i64>, Option<i64>) = (row.try_get(9)?, row.try_get(10)?);
        Ok(Checkpoint {
            name: row.try_get(0)?,
            generation: row.try_get(1)?,
            version: row.try_get(2)?,
            schema: row.try_get(3)?,
            live: row.try_get(4)?,
            status: row.try_get(5)?,
            position: position(row.try_get(6)?, row.try_get(7)?),
            error: row.try_get(8)?,
            stopped_at: stopped.0.zip(stopped.1).map(|(t, p)| position(t, p)),
            updated_at: row.try_get(11)?,
        })
    }
}

fn position(transaction_id: i64, position: i64) -> Position {
    Position {
        transaction_id: transaction_id.unsigned_abs(),
        position,
    }
}

/// The live build, if there is one.
pub(crate) async fn live(db: impl PgExecutor<'_>, name: &str) -> Result<Option<Checkpoint>, sqlx::Error> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM projection_checkpoints WHERE name = $1 AND live"
    );
    let row = sqlx::query(sql).bind(name).fetch_optional(db).await?;
    row.as_ref().map(Checkpoint::read).transpose()
}

/// All builds of all projections.
pub(crate) async fn all(db: impl PgExecutor<'_>) -> Result<Vec<Checkpoint>, sqlx::Error> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM projection_checkpoints ORDER BY name, generation"
    );
    let rows = sqlx::query(sql).fetch_all(db).await?;
    rows.iter().map(Checkpoint::read).collect()
}

/// The live build, kept from moving until the transaction ends.
pub(crate) async fn lock_live(db: &mut PgConnection, name: &str) -> Result<Option<Checkpoint>, sqlx::Error> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM projection_checkpoints WHERE name = $1 AND live FOR UPDATE"
    );
    let row = sqlx::query(sql).bind(name).fetch_optional(db).await?;
    row.as_ref().map(Checkpoint::read).transpose()
}

/// A new row.
pub(crate) async fn insert(
    db: &mut PgConnection,
    name: &str,
    version: i32,
    live: bool,
) -> Result<Checkpoint, sqlx::Error> {
    let sql = concat!(
        "INSERT INTO projection_checkpoints (name, generation, version, schema_name, live, status) ",
        "SELECT $1, g, $2, format('rm_%s_v%s_g%s', $1, $2, g), $3, CASE WHEN $3 THEN 'running' ELSE 'rebuilding' END ",
        "FROM nextval('projection_generations') AS g RETURNING ",
        columns!()
    );
    let row = sqlx::query(sql)
        .bind(name)
        .bind(version)
        .bind(live)
        .fetch_one(db)
        .await?;
    Checkpoint::read(&row)
}

/// Moves a build forward; `false` when it is not where it was thought to be, or not to be moved.
pub(crate) async fn advance(
    db: &mut PgConnection,
    build: &Checkpoint,
    to: Position,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "UPDATE projection_checkpoints SET transaction_id = $5::text::xid8, position = $6, updated_at = clock_timestamp() \
         WHERE name = $1 AND generation = $2 AND transaction_id = $3::text::xid8 AND position = $4 \
           AND status <> 'stopped' AND live = $7",
    )
    .bind(&build.name)
    .bind(build.generation)
    .bind(build.position.transaction_id.to_string())
    .bind(build.position.position)
    .bind(to.transaction_id.to_string())
    .bind(to.position)
    .bind(build.live)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Stops the live build at an event that it cannot apply.
pub(crate) async fn stop(
    db: impl PgExecutor<'_>,
    build: &Checkpoint,
    at: Position,
    error: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE projection_checkpoints SET status = 'stopped', error = $3, stopped_transaction_id = $4::text::xid8, \
         stopped_position = $5, updated_at = clock_timestamp() WHERE name = $1 AND generation = $2 AND live",
    )
    .bind(&build.name)
    .bind(build.generation)
    .bind(error)
    .bind(at.transaction_id.to_string())
    .bind(at.position)
    .execute(db)
    .await?;
    Ok(())
}

/// Lets a stopped build try again.
pub(crate) async fn resume(db: impl PgExecutor<'_>, name: &str) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE projection_checkpoints SET status = 'running', error = NULL, stopped_transaction_id = NULL, \
         stopped_position = NULL, updated_at = clock_timestamp() WHERE name = $1 AND live AND status = 'stopped'",
    )
    .bind(name)
    .execute(db)
    .await?;
    Ok(())
}

/// Where a batch ends.
pub(crate) fn end_of(batch: &[RecordedEvent], otherwise: Position) -> Position {
    batch.last().map_or(otherwise, |event| event.position)
}
