//! Tells readers that there is something new: those of this process at once, those of others by `NOTIFY`.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const CHANNEL: &str = "opstella_events";
/// How long a `NOTIFY` may take.
const PATIENCE: Duration = Duration::from_secs(5);
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const LONGEST_BACKOFF: Duration = Duration::from_secs(2);

/// Rings when events were committed, here or elsewhere.
#[derive(Clone)]
pub(crate) struct Wake {
    readers: watch::Sender<u64>,
    others: Arc<Notify>,
}

impl Wake {
    pub fn new() -> Self {
        Self {
            readers: watch::Sender::new(0),
            others: Arc::new(Notify::new()),
        }
    }

    /// This process committed something.
    pub fn committed(&self) {
        self.ring();
        self.others.notify_one();
    }

    /// Changes whenever there may be something new.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.readers.subscribe()
    }

    fn ring(&self) {
        self.readers.send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// Sends `NOTIFY`, at most once per `interval`, on a connection of its own: within the append's transaction it would
/// take a lock that all notifying commits of the cluster wait for, one after the other.
pub(crate) async fn notify_others(
    wake: Wake,
    pool: PgPool,
    id: String,
    interval: Duration,
    closing: CancellationToken,
) {
    loop {
        tokio::select! {
            () = wake.others.notified() => {}
            () = closing.cancelled() => return,
        }
        let send = sqlx::query("SELECT pg_notify($1, $2)")
            .bind(CHANNEL)
            .bind(&id)
            .execute(&pool);
        // Nothing is lost where it fails: the others look by themselves.
        match timeout(PATIENCE, send).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::debug!(%error, "could not notify the other processes"),
            Err(_) => tracing::debug!("could not notify the other processes in time"),
        }
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            () = closing.cancelled() => return,
        }
    }
}

/// Listens for the `NOTIFY` of other processes, over lost connections too.
pub(crate) async fn listen(wake: Wake, pool: PgPool, id: String, closing: CancellationToken) {
    let mut backoff = FIRST_BACKOFF;
    while !closing.is_cancelled() {
        let ended = tokio::select! {
            ended = listen_once(&wake, &pool, &id, &mut backoff) => ended,
            () = closing.cancelled() => return,
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "lost the connection that listens for events; polling meanwhile");
        }
        wake.ring();
        tokio::select! {
            () = tokio::time::sleep(backoff) => {}
            () = closing.cancelled() => return,
        }
        backoff = (backoff * 2).min(LONGEST_BACKOFF);
    }
}

async fn listen_once(
    wake: &Wake,
    pool: &PgPool,
    id: &str,
    backoff: &mut Duration,
) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    *backoff = FIRST_BACKOFF;
    // What came before the LISTEN was not heard.
    wake.ring();
    while let Some(notification) = listener.try_recv().await? {
        if notification.payload() != id {
            wake.ring();
        }
    }
    Ok(())
}
