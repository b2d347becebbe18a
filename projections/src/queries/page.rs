//! Pages by key: what is inserted meanwhile neither repeats nor hides anything.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Postgres, QueryBuilder, Row};
use utoipa::ToSchema;

use crate::QueryError;

/// The most items of a page.
pub const MAX_LIMIT: u32 = 200;

/// Which page.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PageRequest {
    /// How many items, 1 to 200; what is outside is brought inside.
    pub limit: u32,
    /// `next` of the page before; absent for the first.
    pub cursor: Option<String>,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self {
            limit: 50,
            cursor: None,
        }
    }
}

impl PageRequest {
    /// The first page, of at most `limit` items.
    pub fn first(limit: u32) -> Self {
        Self { limit, cursor: None }
    }

    /// The page after the one that gave this cursor.
    pub fn after(limit: u32, cursor: impl Into<String>) -> Self {
        Self {
            limit,
            cursor: Some(cursor.into()),
        }
    }

    fn effective(&self) -> usize {
        self.limit.clamp(1, MAX_LIMIT) as usize
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Pass it as `cursor` for the next page; absent on the last.
    pub next: Option<String>,
}

impl<T: for<'r> FromRow<'r, PgRow>> Page<T> {
    pub(super) fn of(rows: Vec<PgRow>, request: &PageRequest) -> Result<Page<T>, QueryError> {
        let limit = request.effective();
        let more = rows.len() > limit;
        let kept = rows.get(..limit).unwrap_or(&rows);
        let next = match kept.last() {
            Some(last) if more => {
                let keys: Vec<String> = last.try_get("page_keys")?;
                let text = serde_json::to_vec(&keys).map_err(|_| QueryError::Cursor)?;
                Some(URL_SAFE_NO_PAD.encode(text))
            }
            _ => None,
        };
        let items = kept.iter().map(T::from_row).collect::<Result<_, _>>()?;
        Ok(Page { items, next })
    }
}

/// The order of a list: columns that are unique together, and their types.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keys {
    pub columns: &'static [&'static str],
    pub kind: &'static str,
    pub descending: bool,
}

impl Keys {
    /// The column that carries the cursor's values.
    pub fn select(&self) -> String {
        let texts: Vec<String> = self
            .columns
            .iter()
            .map(|column| format!("{column}::text"))
            .collect();
        format!("ARRAY[{}] AS page_keys", texts.join(", "))
    }

    /// Ends a statement whose `WHERE` has begun.
    pub fn finish(
        &self,
        statement: &mut QueryBuilder<Postgres>,
        request: &PageRequest,
    ) -> Result<(), QueryError> {
        if let Some(cursor) = &request.cursor {
            let values = self.read(cursor)?;
            let comparison = if self.descending { '<' } else { '>' };
            statement.push(format!(" AND ({}) {comparison} (", self.columns.join(", ")));
            for (index, value) in values.into_iter().enumerate() {
                statement.push(if index > 0 { ", " } else { "" });
                statement.push_bind(value);
                statement.push(format!("::{}", self.kind));
            }
            statement.push(")");
        }
        let direction = if self.descending { " DESC" } else { "" };
        let order: Vec<String> = self
            .columns
            .iter()
            .map(|column| format!("{column}{direction}"))
            .collect();
        statement.push(format!(
            " ORDER BY {} LIMIT {}",
            order.join(", "),
            request.effective() + 1
        ));
        Ok(())
    }

    fn read(&self, cursor: &str) -> Result<Vec<String>, QueryError> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| QueryError::Cursor)?;
        let values: Vec<String> = serde_json::from_slice(&bytes).map_err(|_| QueryError::Cursor)?;
        let fits = |value: &String| match self.kind {
            "bigint" => value.parse::<i64>().is_ok(),
            _ => !value.contains('\0'),
        };
        if values.len() == self.columns.len() && values.iter().all(fits) {
            Ok(values)
        } else {
            Err(QueryError::Cursor)
        }
    }
}
