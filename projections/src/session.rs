//! A connection of a projection's own.

use std::io::ErrorKind;
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool, Row};
use tokio::time::timeout;

use crate::identifier::quoted;

/// What an advisory lock is about; the first half of its key.
#[derive(Debug, Clone, Copy)]
pub(crate) enum LockClass {
    /// Who applies events to the live build.
    Apply = 0x6f70_7301,
    /// Who rebuilds.
    Rebuild = 0x6f70_7302,
    /// Who makes the first build.
    Prepare = 0x6f70_7303,
}

/// A connection that holds locks and applies events: when it is lost, so are the locks, and what it was about to
/// commit is not committed. Closed when dropped.
pub(crate) struct Session {
    pub connection: PgConnection,
    /// Where unqualified names lead otherwise: to the journal's tables.
    home: String,
    /// How long the database may take over one thing.
    pub patience: Duration,
}

impl Session {
    pub async fn open(pool: &PgPool, role: &str, patience: Duration) -> Result<Session, sqlx::Error> {
        answered(patience, Self::connect(pool, role, patience)).await
    }

    async fn connect(pool: &PgPool, role: &str, patience: Duration) -> Result<Session, sqlx::Error> {
        let options = (*pool.connect_options()).clone().application_name(role);
        let mut connection = PgConnection::connect_with(&options).await?;
        // The checkpoint is in the same transaction as the tables: what a crash of PostgreSQL takes back is applied
        // again, and nobody waits for the disk.
        connection.execute("SET synchronous_commit = off").await?;
        let home = connection
            .fetch_one("SELECT current_setting('search_path')")
            .await?
            .try_get(0)?;
        Ok(Session {
            connection,
            home,
            patience,
        })
    }

    /// Takes an advisory lock for as long as the connection lives, if nobody has it.
    pub async fn try_lock(&mut self, class: LockClass, name: &str) -> Result<bool, sqlx::Error> {
        let lock = sqlx::query_scalar("SELECT pg_try_advisory_lock($1, hashtext($2))")
            .bind(class as i32)
            .bind(name);
        answered(self.patience, lock.fetch_one(&mut self.connection)).await
    }

    /// Lets unqualified names lead to a schema first.
    pub async fn enter(&mut self, schema: &str) -> Result<(), sqlx::Error> {
        let path = format!("SET search_path = {}, {}", quoted(schema), self.home);
        self.connection.execute(AssertSqlSafe(path)).await?;
        Ok(())
    }

    pub async fn close(self) {
        if let Err(error) = answered(self.patience, self.connection.close()).await {
            tracing::debug!(%error, "a projection's connection did not end in order");
        }
    }
}

/// What PostgreSQL says, if it says anything in time: a connection whose other end vanished says nothing for ever. After a
/// silence the session is of no use any more.
pub(crate) async fn answered<T, E: From<sqlx::Error>>(
    patience: Duration,
    question: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    timeout(patience, question)
        .await
        .unwrap_or_else(|_| Err(sqlx::Error::Io(ErrorKind::TimedOut.into()).into()))
}
