use std::time::Instant;

use futures::TryStreamExt;
use opstella_journal::Position;
use sqlx::postgres::PgPoolCopyExt;

use super::Bench;
use super::report::median;
use crate::BenchError;

/// Events per second, read by a subscription and by `COPY … TO STDOUT`.
pub struct Followed {
    pub events: i64,
    pub subscription: f64,
    pub copy: f64,
}

const BATCH: usize = 5000;

/// Reads the whole table both ways, three times in turn.
pub async fn measure(bench: &Bench<'_>) -> Result<Followed, BenchError> {
    let (events,): (i64,) = sqlx::query_as("SELECT count(*) FROM events")
        .fetch_one(&bench.pool)
        .await?;
    let (mut subscription, mut copy) = (Vec::new(), Vec::new());
    for _ in 0..super::ROUNDS {
        let started = Instant::now();
        let mut bytes = 0;
        let mut rows = bench.pool.copy_out_raw("COPY events TO STDOUT").await?;
        while let Some(chunk) = rows.try_next().await? {
            bytes += chunk.len();
        }
        copy.push(events as f64 / started.elapsed().as_secs_f64());
        tracing::debug!(bytes, "copied");

        let started = Instant::now();
        let mut follower = bench.journal.subscribe(Position::START);
        let mut seen = 0;
        while seen < events {
            seen += follower.next(BATCH).await?.events.len() as i64;
        }
        subscription.push(events as f64 / started.elapsed().as_secs_f64());
    }
    Ok(Followed {
        events,
        subscription: median(subscription),
        copy: median(copy),
    })
}
