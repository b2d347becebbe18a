//! How far notes on the journal go: a table of one row with `transaction_id` and `position`.

use opstella_journal::Position;
use sqlx::PgPool;

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
