//! A lease: one holder at a time per database, by a PostgreSQL advisory lock on a connection of its own. It ends with the
//! connection, so a dead process never holds it.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{ConnectOptions, Connection, PgPool};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(5);

/// The lease, while its connection lives.
pub(crate) struct Lease(PgConnection);

impl Lease {
    /// Takes the lease of that key if nobody has it.
    pub async fn try_take(pool: &PgPool, key: i64) -> Option<Self> {
        let connect = async {
            let mut connection = pool.connect_options().connect().await?;
            let taken: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
                .bind(key)
                .fetch_one(&mut connection)
                .await?;
            Ok::<_, sqlx::Error>(taken.then_some(Self(connection)))
        };
        match timeout(PATIENCE, connect).await {
            Ok(Ok(lease)) => lease,
            Ok(Err(error)) => {
                tracing::warn!(%error, "a lease cannot be asked for; trying again");
                None
            }
            Err(_) => None,
        }
    }

    /// Whether it is still held.
    pub async fn holds(&mut self) -> bool {
        matches!(timeout(PATIENCE, self.0.ping()).await, Ok(Ok(())))
    }

    /// Gives it back.
    pub async fn release(self) {
        if let Ok(Err(error)) = timeout(PATIENCE, self.0.close()).await {
            tracing::debug!(%error, "the lease ends with its connection");
        }
    }
}

/// Works whenever it holds the lease of that key, until told to stop. The work ends soon after its token is cancelled.
pub(crate) async fn in_turn<W, F>(
    who: &'static str,
    pool: &PgPool,
    key: i64,
    interval: Duration,
    stop: &CancellationToken,
    work: W,
) where
    W: Fn(CancellationToken) -> F,
    F: Future<Output = ()>,
{
    while !stop.is_cancelled() {
        if let Some(mut lease) = Lease::try_take(pool, key).await {
            let session = stop.child_token();
            let working = work(session.clone());
            tokio::pin!(working);
            loop {
                tokio::select! {
                    () = &mut working => break,
                    () = tokio::time::sleep(interval) => {
                        if !session.is_cancelled() && !lease.holds().await {
                            tracing::warn!("the {who} lost its lease; standing by");
                            session.cancel();
                        }
                    }
                }
            }
            lease.release().await;
        }
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            () = stop.cancelled() => {}
        }
    }
}
