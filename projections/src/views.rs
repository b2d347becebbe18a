//! The views that show the live build: `read` for our queries, `dashboard` for people.

use sqlx::{AssertSqlSafe, Executor, PgConnection, Row};

use crate::identifier::{literal, quoted};
use crate::{DashboardView, Projection};

/// The columns of each relation of a schema, and their types, as one text; and the rights on it, as `GRANT`s.
const RELATIONS: &str = "
SELECT c.relname::text,
       (SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum)
        FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind IN ('r', 'v') ORDER BY c.relname";

const GRANTS: &str = "
SELECT format('GRANT %s ON %I.%I TO %s%s', g.privilege_type, n.nspname, c.relname,
              CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END,
              CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) AS g
WHERE n.nspname = 'read' AND c.relname = $1 AND g.grantee <> c.relowner";

/// Lets the views show the tables of `schema`. Part of the swap's transaction: whoever reads sees the old build or
/// the new one. Rights on the views stay.
pub(crate) async fn publish(
    tx: &mut PgConnection,
    projection: &dyn Projection,
    schema: &str,
) -> Result<(), sqlx::Error> {
    let shown = relations(tx, "read").await?;
    for (table, columns) in relations(tx, schema).await? {
        let (name, source) = (quoted(&table), format!("{}.{}", quoted(schema), quoted(&table)));
        let there = shown.iter().find(|(view, _)| *view == table).map(|(_, c)| c);
        // A view can gain columns at the end; anything else needs a new one.
        let replaceable = there.is_none_or(|there| {
            columns == *there
                || columns
                    .strip_prefix(there.as_str())
                    .is_some_and(|rest| rest.starts_with(", "))
        });
        let mut statements = Vec::new();
        if !replaceable {
            statements.push(format!("DROP VIEW read.{name}"));
        }
        statements.push(format!(
            "CREATE OR REPLACE VIEW read.{name} AS SELECT * FROM {source}"
        ));
        if !replaceable {
            let grants = sqlx::query(GRANTS).bind(&table).fetch_all(&mut *tx).await?;
            for grant in &grants {
                statements.push(grant.try_get(0)?);
            }
        }
        run(tx, &statements.join(";\n")).await?;
    }
    let enter = format!("SET LOCAL search_path = {}", quoted(schema));
    run(tx, &enter).await?;
    for view in projection.dashboard() {
        run(tx, &definition(view)).await?;
    }
    run(
        tx,
        "SELECT set_config('search_path', reset_val, true) FROM pg_settings WHERE name = 'search_path'",
    )
    .await
}

async fn relations(tx: &mut PgConnection, schema: &str) -> Result<Vec<(String, String)>, sqlx::Error> {
    let rows = sqlx::query(RELATIONS).bind(schema).fetch_all(tx).await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect()
}

async fn run(tx: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    tx.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.map(|_| ())
}

fn definition(view: &DashboardView) -> String {
    let name = format!("dashboard.{}", quoted(view.name));
    let columns: Vec<String> = view.columns.iter().map(|(column, _)| quoted(column)).collect();
    let mut statements = vec![
        format!(
            "CREATE OR REPLACE VIEW {name} ({}) AS {}",
            columns.join(", "),
            view.query
        ),
        format!("COMMENT ON VIEW {name} IS {}", literal(view.comment)),
    ];
    for (column, comment) in view.columns {
        statements.push(format!(
            "COMMENT ON COLUMN {name}.{} IS {}",
            quoted(column),
            literal(comment)
        ));
    }
    statements.join(";\n")
}
