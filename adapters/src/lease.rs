//! A lease: one holder at a time per database, by a PostgreSQL advisory lock on a connection of its own. It ends with the
//! connection, which PostgreSQL ends itself when it hears nothing on it: neither a dead process nor a frozen one holds it.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{ConnectOptions, Connection, Executor, PgPool};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(5);
/// How long PostgreSQL lets a holder be silent, which asks much more often whether it still is the holder.
const SILENCE: &str = "SET idle_session_timeout = '30s'";
/// How long work that lost its lease may take to end; then it is dropped where it waits.
const GRACE: Duration = if cfg!(test) {
    Duration::from_millis(100)
} else {
    Duration::from_secs(10)
};

/// The lease, while its connection lives.
pub(crate) struct Lease(PgConnection);

impl Lease {
    /// Takes the lease of that key if nobody has it.
    pub async fn try_take(pool: &PgPool, key: i64) -> Option<Self> {
        let connect = async {
            let mut connection = pool.connect_options().connect().await?;
            connection.execute(SILENCE).await?;
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

/// Works whenever it holds the lease of that key, until told to stop. The work ends soon after its token is cancelled; where
/// it does not after the lease was lost, as when it waits for an answer on a dead connection, it is dropped.
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
                        if session.is_cancelled() || lease.holds().await {
                            continue;
                        }
                        tracing::warn!("the {who} lost its lease; standing by");
                        session.cancel();
                        if timeout(GRACE, &mut working).await.is_err() {
                            tracing::warn!("the {who} did not end in time without its lease; it is dropped");
                        }
                        break;
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use opstella_devservers::postgres::test_database;

    use super::*;

    const KEY: i64 = 7;

    #[tokio::test(flavor = "multi_thread")]
    async fn work_that_waits_for_ever_does_not_outlive_its_lease() {
        let database = test_database().await.unwrap();
        let pool = PgPool::connect(&database.url).await.unwrap();
        let (began, stop) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
        let running = tokio::spawn({
            let (pool, began, stop) = (pool.clone(), began.clone(), stop.clone());
            async move {
                let work = |stop: CancellationToken| {
                    let times = began.fetch_add(1, Ordering::SeqCst);
                    async move {
                        match times {
                            0 => std::future::pending().await,
                            _ => stop.cancelled().await,
                        }
                    }
                };
                in_turn("tester", &pool, KEY, Duration::from_millis(20), &stop, work).await;
            }
        });
        let ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks \
                     WHERE locktype = 'advisory' AND objid = $1::bigint::oid \
                     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        let anew = async {
            while began.load(Ordering::SeqCst) < 2 {
                if began.load(Ordering::SeqCst) == 1 {
                    let ended = sqlx::query_scalar::<_, i64>(ended).bind(KEY);
                    ended.fetch_one(&pool).await.unwrap();
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(30), anew)
            .await
            .expect("it works again");
        stop.cancel();
        timeout(Duration::from_secs(30), running)
            .await
            .expect("it stops")
            .unwrap();
    }
}
