//! How far notes on the journal go: a table of one row with `transaction_id` and `position`.

use opstella_journal::Position;
use sqlx::{PgExecutor, PgPool};

/// The position that the query selects, or the journal's start where there is no row.
pub(crate) async fn read(pool: &PgPool, query: &'static str) -> Result<Position, sqlx::Error> {
    let row: Option<(i64, i64)> = sqlx::query_as(query).fetch_optional(pool).await?;
    Ok(
        row.map_or(Position::START, |(transaction_id, position)| Position {
            transaction_id: transaction_id.unsigned_abs(),
            position,
        }),
    )
}

/// Notes a position by this statement, whose first parameters it is: `transaction_id`, then `position`.
pub(crate) async fn note(
    db: impl PgExecutor<'_>,
    statement: &'static str,
    position: Position,
) -> Result<(), sqlx::Error> {
    sqlx::query(statement)
        .bind(position.transaction_id.cast_signed())
        .bind(position.position)
        .execute(db)
        .await?;
    Ok(())
}
