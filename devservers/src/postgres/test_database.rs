//! A fresh database for one test.

use std::time::{SystemTime, UNIX_EPOCH};

use sqlx::{Connection, PgConnection, Row};

use crate::error::DevServerError;
use crate::postgres::server::create_database;
use crate::postgres::shared;

/// A database that a dead test left is dropped after this many seconds.
const LEFT_BEHIND: u64 = 3600;

/// A database of one test's own, dropped with this.
pub struct TestDatabase {
    /// Its address, with user and password.
    pub url: String,
    /// Its name.
    pub name: String,
    admin_url: String,
}

/// Makes an empty database on the server that all tests share.
///
/// # Errors
/// When there is no server to be had.
pub async fn test_database() -> Result<TestDatabase, DevServerError> {
    let admin_url = shared::admin_url().await?.to_owned();
    let unique = uuid::Uuid::new_v4().simple().to_string();
    let name = format!("test_{}_{}", now(), unique.get(..12).unwrap_or(&unique));
    create_database(&admin_url, &name).await?;
    sweep(&admin_url).await;
    Ok(TestDatabase {
        url: with_database(&admin_url, &name),
        name,
        admin_url,
    })
}

impl TestDatabase {
    /// The address of the server's database `postgres`, for what needs another database (a template, say).
    pub fn admin_url(&self) -> &str {
        &self.admin_url
    }
}

impl std::fmt::Debug for TestDatabase {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("TestDatabase")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (admin_url, name) = (self.admin_url.clone(), self.name.clone());
        // A thread with a runtime of its own: we may be inside one, where blocking is not allowed.
        let worker = std::thread::spawn(move || {
            if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() {
                runtime.block_on(drop_database(&admin_url, &name));
            }
        });
        let _ = worker.join();
    }
}

async fn drop_database(admin_url: &str, name: &str) {
    if let Ok(mut connection) = PgConnection::connect(admin_url).await {
        let statement = format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)");
        if let Err(error) = sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
            .execute(&mut connection)
            .await
        {
            tracing::warn!(%error, name, "a test's database was not dropped");
        }
    }
}

/// Drops what tests that were killed have left, if nobody is connected to it.
async fn sweep(admin_url: &str) {
    let Ok(mut connection) = PgConnection::connect(admin_url).await else {
        return;
    };
    let found = sqlx::query(
        r"SELECT datname::text FROM pg_database d WHERE datname LIKE 'test\_%'
          AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datid = d.oid)",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap_or_default();
    for row in found {
        let Ok(name) = row.try_get::<String, _>(0) else {
            continue;
        };
        let made = name
            .split('_')
            .nth(1)
            .and_then(|seconds| seconds.parse::<u64>().ok());
        if made.is_some_and(|made| made + LEFT_BEHIND < now()) {
            drop_database(admin_url, &name).await;
        }
    }
}

/// The same address with another database: what follows the last slash of the part before the query.
fn with_database(admin_url: &str, name: &str) -> String {
    let (address, query) = admin_url.split_once('?').unwrap_or((admin_url, ""));
    let server = address.rsplit_once('/').map_or(address, |(server, _)| server);
    let separator = if query.is_empty() { "" } else { "?" };
    format!("{server}/{name}{separator}{query}")
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map(|since| since.as_secs())
        .unwrap_or_default()
}
