use std::collections::HashMap;
use std::time::{Duration, Instant};

use opstella_journal::{Batch, Subscription};
use sqlx::PgPool;
use tokio::sync::mpsc;

use super::Bench;
use super::ours::command;
use crate::BenchError;
use crate::percentile::percentile;

/// Milliseconds from an append's answer to the moment when a projection's reader can see it.
pub struct Visible {
    pub p50: f64,
    pub p99: f64,
}

/// Commands per second while it is measured: a busy day, not saturation.
const RATE: u32 = 200;
const APPENDS: usize = 1000;

/// Appends at a steady rate while a minimal projector applies every event to a table, checkpoint included.
pub async fn measure(bench: &Bench<'_>) -> Result<Visible, BenchError> {
    sqlx::raw_sql(
        "CREATE TABLE seen (id text PRIMARY KEY, position text NOT NULL);
         CREATE TABLE checkpoint (position text NOT NULL); INSERT INTO checkpoint VALUES ('0-0')",
    )
    .execute(&bench.pool)
    .await?;
    let (seen, mut visible) = mpsc::unbounded_channel();
    let follower = bench.journal.subscribe(bench.journal.head().await?);
    let projector = tokio::spawn(project(follower, bench.pool.clone(), seen));

    let mut committed = HashMap::new();
    let mut pace = tokio::time::interval(Duration::from_secs(1) / RATE);
    for _ in 0..APPENDS {
        pace.tick().await;
        let id = uuid::Uuid::new_v4().to_string();
        command(&bench.journal, &id).await?;
        committed.insert(id, Instant::now());
    }
    let mut waits = Vec::new();
    while waits.len() < APPENDS {
        let Some((id, at)) = visible.recv().await else {
            break;
        };
        if let Some(committed) = committed.get(&id) {
            waits.push(Instant::saturating_duration_since(&at, *committed).as_secs_f64() * 1e3);
        }
    }
    projector.abort();
    Ok(Visible {
        p50: percentile(waits.clone(), 0.5),
        p99: percentile(waits, 0.99),
    })
}

async fn project(
    mut follower: Subscription,
    pool: PgPool,
    seen: mpsc::UnboundedSender<(String, Instant)>,
) -> Result<(), BenchError> {
    loop {
        let Batch { events, position } = follower.next(500).await?;
        let (ids, positions): (Vec<String>, Vec<String>) = events
            .into_iter()
            .map(|event| (event.aggregate_id, event.position.to_string()))
            .unzip();
        let mut transaction = pool.begin().await?;
        // A read model can be rebuilt: it need not wait for the disk.
        sqlx::query("SET LOCAL synchronous_commit = off")
            .execute(&mut *transaction)
            .await?;
        sqlx::query("INSERT INTO seen SELECT * FROM unnest($1::text[], $2::text[])")
            .bind(&ids)
            .bind(&positions)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("UPDATE checkpoint SET position = $1")
            .bind(position.to_string())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        let now = Instant::now();
        for id in ids {
            if seen.send((id, now)).is_err() {
                return Ok(());
            }
        }
    }
}
