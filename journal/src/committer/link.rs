use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{ConnectOptions, Connection, Executor};
use tokio::time::{Instant, timeout_at};

use super::Unit;
use super::sql;

/// How a statement failed, by what is known afterwards.
pub(super) enum Failure {
    /// PostgreSQL refused it: nothing of it was stored.
    Refused(sqlx::Error),
    /// It never reached PostgreSQL.
    NotSent(sqlx::Error),
    /// It was sent, and the connection lost: it may have been stored, or may yet be.
    Lost(sqlx::Error),
    /// The deadline passed while it was under way; otherwise as `Lost`.
    LostInTime,
    /// The deadline passed before it was sent.
    NotSentInTime,
}

/// The committer's own connection, made anew when it is lost.
pub(super) struct Link {
    options: PgConnectOptions,
    lock_timeout: Duration,
    connection: Option<PgConnection>,
    /// How long to wait before the next attempt to connect.
    backoff: Duration,
    /// How often it was made anew.
    pub generation: u64,
}

const FIRST_BACKOFF: Duration = Duration::from_millis(20);
const LONGEST_BACKOFF: Duration = Duration::from_secs(1);

impl Link {
    pub fn new(options: PgConnectOptions, append_timeout: Duration) -> Self {
        Self {
            options,
            // One unit that waits for somebody else's open transaction holds up its whole batch: not for long.
            lock_timeout: (append_timeout / 8).min(Duration::from_millis(500)),
            connection: None,
            backoff: Duration::ZERO,
            generation: 0,
        }
    }

    /// Writes the units in one statement, which is one transaction and one round trip.
    pub async fn insert(&mut self, units: &[Unit], deadline: Instant) -> Result<Vec<PgRow>, Failure> {
        let grace = self.lock_timeout * 2;
        let connection = self.connected(deadline).await?;
        let query = sql::insert(units);
        // Later than PostgreSQL's own lock timeout, whose answer is a certain one.
        let deadline = deadline + grace;
        // `fetch_all` reads on until ReadyForQuery: PostgreSQL commits only after it sent the rows.
        let result = timeout_at(deadline, connection.fetch_all(query)).await;
        self.settled(result)
    }

    /// Reads, or cleans up; repeating it does no harm.
    pub async fn fetch<'q, Q>(&mut self, query: Q, deadline: Instant) -> Result<Vec<PgRow>, Failure>
    where
        Q: sqlx::Execute<'q, sqlx::Postgres> + 'q,
    {
        let connection = self.connected(deadline).await?;
        let result = timeout_at(deadline, connection.fetch_all(query)).await;
        self.settled(result)
    }

    fn settled<T>(
        &mut self,
        result: Result<Result<T, sqlx::Error>, tokio::time::error::Elapsed>,
    ) -> Result<T, Failure> {
        match result {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) if is_refusal(&error) => Err(Failure::Refused(error)),
            Ok(Err(error)) => {
                self.drop_connection();
                Err(Failure::Lost(error))
            }
            Err(_) => {
                self.drop_connection();
                Err(Failure::LostInTime)
            }
        }
    }

    /// Forgets the connection, for instance since the server behind it became read-only.
    pub fn drop_connection(&mut self) {
        self.connection = None;
    }

    /// Connects ahead of the first append, so that a wrong configuration shows early.
    pub async fn connect(&mut self, deadline: Instant) -> Result<(), sqlx::Error> {
        match self.connected(deadline).await {
            Ok(_) => Ok(()),
            Err(Failure::Refused(error) | Failure::NotSent(error) | Failure::Lost(error)) => Err(error),
            Err(Failure::LostInTime | Failure::NotSentInTime) => Err(sqlx::Error::PoolTimedOut),
        }
    }

    async fn connected(&mut self, deadline: Instant) -> Result<&mut PgConnection, Failure> {
        if self.connection.is_none() {
            let made = timeout_at(deadline, async {
                tokio::time::sleep(self.backoff).await;
                let mut connection = self.options.connect().await?;
                let settings = format!(
                    "SET lock_timeout = {}; SET application_name = 'opstella-journal'; SET synchronous_commit = on; \
                     SET plan_cache_mode = force_generic_plan; SET jit = off",
                    self.lock_timeout.as_millis().max(1)
                );
                connection.execute(sqlx::AssertSqlSafe(settings)).await?;
                connection.ping().await?;
                Ok::<_, sqlx::Error>(connection)
            })
            .await;
            self.backoff = (self.backoff * 2).clamp(FIRST_BACKOFF, LONGEST_BACKOFF);
            let connection = made
                .map_err(|_| Failure::NotSentInTime)?
                .map_err(Failure::NotSent)?;
            self.backoff = Duration::ZERO;
            self.generation += 1;
            self.connection = Some(connection);
        }
        self.connection.as_mut().ok_or(Failure::NotSentInTime)
    }
}

/// Whether the transaction is certainly undone: the server said so and stayed.
fn is_refusal(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error
            .try_downcast_ref::<sqlx::postgres::PgDatabaseError>()
            .is_some_and(|error| {
                !matches!(
                    error.severity(),
                    sqlx::postgres::PgSeverity::Fatal | sqlx::postgres::PgSeverity::Panic
                )
            }),
        // These are about what we sent or how we read the answer's columns; the latter never happens for ours.
        sqlx::Error::Encode(_) => true,
        _ => false,
    }
}
