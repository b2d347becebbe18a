use std::time::{Duration, Instant};

use opstella_domain::project::{Project, ProjectEvent};
use opstella_journal::{Append, EventMetadata, Journal, JournalOptions, Loaded, StreamAppend, migrate};
use opstella_projections::{ProjectionOptions, Projections};
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Bench;
use crate::BenchError;
use crate::percentile::percentile;

/// Milliseconds from an append's answer to the moment when every read model has it.
pub struct Visible {
    pub p50: f64,
    pub p99: f64,
}

/// Commands per second while it is measured: a busy day, not saturation.
const RATE: u32 = 200;
const APPENDS: usize = 1000;
const PATIENCE: Duration = Duration::from_secs(60);

/// Appends at a steady rate, in a database of its own, while Opstella's own projections run; each append is waited for
/// as the API does for a client that reads what it wrote.
pub async fn measure(bench: &Bench<'_>) -> Result<Visible, BenchError> {
    let url = bench.server.create_database("bench_visible").await?;
    let pool = PgPoolOptions::new().max_connections(16).connect(&url).await?;
    migrate(&pool).await?;
    let journal = Journal::open(pool, JournalOptions::default()).await?;
    let projections = Projections::standard(journal.clone(), ProjectionOptions::default());
    projections.prepare().await?;
    let cancel = CancellationToken::new();
    let running = tokio::spawn({
        let (projections, cancel) = (projections.clone(), cancel.clone());
        async move { projections.run(cancel).await }
    });

    let mut pace = tokio::time::interval(Duration::from_secs(1) / RATE);
    let mut waiting = JoinSet::new();
    for number in 0..APPENDS {
        pace.tick().await;
        let slug = format!("project-{number}");
        let created = ProjectEvent::ProjectCreated {
            slug: slug.parse()?,
            name: slug.clone(),
            description: None,
            owner: "bench".parse()?,
        };
        let stream = StreamAppend::of(&Loaded::<Project>::absent(slug), vec![created])?;
        let metadata = EventMetadata::new("bench", "CreateProject", "0123456789abcdef");
        let position = journal
            .append(Append::new(metadata, vec![stream]))
            .await?
            .position;
        let (appended, projections) = (Instant::now(), projections.clone());
        waiting.spawn(async move {
            projections.wait_for(&[], position, PATIENCE).await?;
            Ok::<_, BenchError>(appended.elapsed().as_secs_f64() * 1e3)
        });
    }
    let mut waits = Vec::with_capacity(APPENDS);
    while let Some(waited) = waiting.join_next().await {
        waits.push(waited??);
    }
    cancel.cancel();
    running.await?;
    journal.close().await;
    Ok(Visible {
        p50: percentile(waits.clone(), 0.5),
        p99: percentile(waits, 0.99),
    })
}
