//! Rows as JSON: one parameter carries a whole batch of them, in both directions.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{PgConnection, Row};

use crate::ApplyError;

/// Runs a statement that takes rows by `jsonb_to_recordset($1)`; nothing for no rows.
pub(crate) async fn write<T: Serialize>(
    tx: &mut PgConnection,
    sql: &'static str,
    rows: &[T],
) -> Result<(), ApplyError> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut value = serde_json::to_value(rows)?;
    storable(&mut value);
    sqlx::query(sql).bind(Json(value)).execute(tx).await?;
    Ok(())
}

/// Reads rows by a statement that takes keys by `jsonb_array_elements($1)` or `jsonb_to_recordset($1)` and answers
/// one column of `to_jsonb`.
pub(crate) async fn read<K: Serialize, T: DeserializeOwned>(
    tx: &mut PgConnection,
    sql: &'static str,
    keys: &[K],
) -> Result<Vec<T>, ApplyError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let keys = serde_json::to_value(keys)?;
    let rows = sqlx::query(sql).bind(Json(keys)).fetch_all(tx).await?;
    rows.iter()
        .map(|row| Ok(serde_json::from_value(row.try_get::<Value, _>(0)?)?))
        .collect()
}

/// PostgreSQL's text cannot hold U+0000, which a tool's message may; the journal keeps it as it was.
fn storable(value: &mut Value) {
    match value {
        Value::String(text) if text.contains('\0') => *text = text.replace('\0', "\u{fffd}"),
        Value::Array(items) => items.iter_mut().for_each(storable),
        Value::Object(fields) => fields.values_mut().for_each(storable),
        _ => {}
    }
}

/// The name that an enum of the domain has in JSON.
pub(crate) fn slug<T: Serialize>(value: &T) -> Result<String, ApplyError> {
    match serde_json::to_value(value)? {
        Value::String(text) => Ok(text),
        other => Ok(other.to_string()),
    }
}

/// The enum of the domain that has this name in JSON.
pub(crate) fn unslug<T: DeserializeOwned>(text: &str) -> Result<T, ApplyError> {
    Ok(serde_json::from_value(Value::String(text.to_owned()))?)
}
