//! `queries`: what the matrix, the promotion board and DORA's metrics cost with 1,000 services of five environments and
//! 50,000 promotions, beside `SELECT 1` on the same connection.
//!
//! The histories are decided by the domain and written to the events' table in bulk; the read models are then made of
//! them as always.

mod fill;
mod history;
mod measure;
mod promotion;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::Utc;
use clap::Args;
use futures::future::try_join_all;
use indicatif::{ProgressBar, ProgressStyle};
use opstella_devservers::postgres::{Postgres, PostgresOptions};
use opstella_journal::{Journal, JournalOptions, migrate};
use opstella_projections::{ProjectionOptions, Projections, Queries, models};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use crate::BenchError;

/// Milliseconds that no answer's 99th percentile may exceed.
const TARGET_MS: f64 = 50.0;

/// What can be chosen on the command line.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Print the result as one last line of JSON.
    #[arg(long)]
    json: bool,
    /// Services, each with all five environments.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    services: u32,
    /// Promotions of each service.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    promotions: u32,
    /// How often each query is asked.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rounds: u32,
}

/// Runs the benchmark and prints it.
pub async fn run(arguments: Arguments) -> Result<(), BenchError> {
    let server = Postgres::start(PostgresOptions::durable().set("max_wal_size", "8GB")).await?;
    let url = server.create_database("queries").await?;
    let pool = PgPoolOptions::new().max_connections(10).connect(&url).await?;
    migrate(&pool).await?;
    let now = Utc::now();
    let total = u64::from(arguments.services) * u64::from(arguments.promotions);
    let progress = bar(total, "promotions");
    let events = fill::fill(&pool, (arguments.services, arguments.promotions), now, &progress).await?;
    progress.finish_and_clear();
    make_read_models(&pool, events).await?;
    // As autovacuum does in time.
    sqlx::query("VACUUM ANALYZE").execute(&pool).await?;
    pool.close().await;

    let pool = PgPoolOptions::new().max_connections(1).connect(&url).await?;
    let report = measure::measure(&Queries::new(pool.clone()), &pool, arguments.rounds, now).await?;
    println!(
        "{} services with 5 environments, {total} promotions, {events} events; each query {} times, one after the other",
        arguments.services, arguments.rounds
    );
    report.print_table(TARGET_MS);
    if arguments.json {
        println!("{}", serde_json::to_string(&report.json())?);
    }
    pool.close().await;
    server.stop().await?;
    Ok(())
}

fn bar(length: u64, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} ({elapsed})");
    ProgressBar::new(length)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_message(what)
}

/// Lets the projections that are asked, and those that share their events, catch up with the journal.
async fn make_read_models(pool: &PgPool, events: u64) -> Result<(), BenchError> {
    let journal = Journal::open(pool.clone(), JournalOptions::default()).await?;
    let list: Vec<Arc<dyn opstella_projections::Projection>> = vec![
        Arc::new(models::Catalog),
        Arc::new(models::Releases),
        Arc::new(models::Promotions),
        Arc::new(models::Delivery),
    ];
    let projections = Projections::new(journal.clone(), list, ProjectionOptions::default());
    let names = projections.names();
    let progress = bar(events * names.len() as u64, "events applied to read models");
    let builds = names.into_iter().map(|name| {
        let (projections, progress) = (projections.clone(), progress.clone());
        async move {
            let before = AtomicU64::new(0);
            projections
                .rebuild(name, move |at| {
                    let seen = before.swap(at.events, Ordering::Relaxed);
                    progress.inc(at.events.saturating_sub(seen));
                })
                .await
        }
    });
    let built = try_join_all(builds).await?;
    progress.finish_and_clear();
    if let Some(short) = built.iter().find(|report| report.events != events) {
        let message = format!("a read model has {} of {events} events", short.events);
        return Err(BenchError::Unexpected(message));
    }
    journal.close().await;
    Ok(())
}
