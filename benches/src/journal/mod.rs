//! `journal`: what an append costs through the public API, beside pgbench and stock postgres-es on the same table.

mod aggregate;
mod follow;
mod ours;
mod pgbench;
mod report;
mod stock;
mod visible;

use std::time::Duration;

use opstella_devservers::postgres::{Postgres, PostgresOptions};
use opstella_journal::{Journal, JournalOptions, migrate};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use crate::BenchError;
use report::{Report, Row, median};

/// What can be chosen on the command line.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Print the result as one last line of JSON.
    #[arg(long)]
    json: bool,
    /// Seconds of each measurement (there are 36 of them).
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// One second each: to see that it works, not to quote.
    #[arg(long)]
    quick: bool,
    /// How many transactions the journal may have under way at once.
    #[arg(long, default_value_t = JournalOptions::default().committers)]
    committers: usize,
    /// Leave postgres-es out, which is slow, while optimising.
    #[arg(long, hide = true)]
    skip_stock: bool,
    /// Only these numbers of clients.
    #[arg(long, hide = true, value_delimiter = ',', default_values_t = [1, 8, 32, 64])]
    clients: Vec<usize>,
}

const ROUNDS: usize = 3;

/// Runs the benchmark and prints it.
pub async fn run(arguments: Arguments) -> Result<(), BenchError> {
    let seconds = if arguments.quick { 1 } else { arguments.seconds };
    // Durable as in production. No checkpoint falls into one measurement and not into another.
    let options = PostgresOptions::durable()
        .set("max_wal_size", "8GB")
        .set("checkpoint_timeout", "1h");
    let server = Postgres::start(options).await?;
    let bench = Bench::prepare(&server, seconds, arguments.committers).await?;
    let steps = (ROUNDS * arguments.clients.len() * 3 + 2) as u64;
    let progress = indicatif::ProgressBar::new(steps).with_style(
        indicatif::ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}")
            .unwrap_or_else(|_| indicatif::ProgressStyle::default_bar()),
    );

    let mut measured: Vec<Row> = Vec::new();
    for round in 1..=ROUNDS {
        for &clients in &arguments.clients {
            progress.set_message(format!("round {round}, {clients} clients: pgbench"));
            let pgbench = bench.pgbench(clients).await?;
            progress.inc(1);
            progress.set_message(format!("round {round}, {clients} clients: postgres-es"));
            let postgres_es = if arguments.skip_stock {
                f64::NAN
            } else {
                bench.stock(clients).await?
            };
            progress.inc(1);
            progress.set_message(format!("round {round}, {clients} clients: ours"));
            let ours = bench.ours(clients).await?;
            progress.inc(1);
            measured.push(Row::new(clients, pgbench, postgres_es, ours));
        }
    }
    progress.set_message("subscription and COPY");
    let followed = follow::measure(&bench).await?;
    progress.inc(1);
    progress.set_message("from commit to visible");
    let visible = visible::measure(&bench).await?;
    progress.finish_and_clear();
    bench.journal.close().await;

    let rows = arguments
        .clients
        .iter()
        .map(|&clients| {
            let of = |value: fn(&Row) -> f64| {
                median(
                    measured
                        .iter()
                        .filter(|row| row.clients == clients)
                        .map(value)
                        .collect(),
                )
            };
            Row::new(
                clients,
                of(|row| row.pgbench_tps),
                of(|row| row.postgres_es),
                of(|row| row.ours),
            )
        })
        .collect();
    let report = Report {
        rows,
        subscription_over_copy: followed.subscription / followed.copy,
        visible_ms_p50: visible.p50,
        visible_ms_p99: visible.p99,
    };
    report.print_table(&followed);
    if arguments.json {
        println!("{}", serde_json::to_string(&report)?);
    }
    server.stop().await?;
    Ok(())
}

/// A database of each one's own on the same server, all with the journal's schema.
struct Bench<'a> {
    server: &'a Postgres,
    duration: Duration,
    stock_url: String,
    pool: PgPool,
    journal: Journal,
}

impl<'a> Bench<'a> {
    async fn prepare(server: &'a Postgres, seconds: u64, committers: usize) -> Result<Self, BenchError> {
        let mut urls = Vec::new();
        for name in [pgbench::DATABASE, "bench_stock", "bench_ours"] {
            let url = server.create_database(name).await?;
            let pool = PgPoolOptions::new().max_connections(4).connect(&url).await?;
            migrate(&pool).await?;
            urls.push((url, pool));
        }
        let no_database = || BenchError::Peer {
            peer: "PostgreSQL",
            reason: "a database is missing".to_owned(),
        };
        let (_, pool) = urls.pop().ok_or_else(no_database)?;
        let (stock_url, _) = urls.pop().ok_or_else(no_database)?;
        let options = JournalOptions {
            committers,
            ..JournalOptions::default()
        };
        let journal = Journal::open(pool.clone(), options).await?;
        Ok(Self {
            server,
            duration: Duration::from_secs(seconds),
            stock_url,
            pool,
            journal,
        })
    }

    /// Starts every measurement from the same state of the disk.
    async fn settle(&self) -> Result<(), BenchError> {
        sqlx::query("CHECKPOINT").execute(&self.pool).await?;
        Ok(())
    }
}
