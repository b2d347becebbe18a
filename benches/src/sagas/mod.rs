//! `sagas`: steps a second of chains, beside the commits a second that the same PostgreSQL gives pgbench.

mod chain;
mod measure;
mod toolbox;

use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::BenchError;
use measure::{Bench, Waiting};

/// Steps of a chain.
const CHAIN: usize = 20;
/// Restate 1.7 with the same chain on a 2-core machine: runs at once, steps/s (issue 2, section 5).
const RESTATE: [(usize, f64); 3] = [(1, 368.0), (8, 1036.0), (32, 1209.0)];

/// Options of the benchmark.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Seconds for each row.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Print the rows as one last line of JSON.
    #[arg(long)]
    json: bool,
    /// Runs that wait on a slow tool while memory is measured; 0 leaves that out.
    #[arg(long, default_value_t = 10_000)]
    waiting: usize,
}

#[derive(Debug, Serialize)]
struct Row {
    runs: usize,
    steps_per_s: f64,
    ms_per_step: f64,
    pgbench_tps: f64,
}

#[derive(Debug, Serialize)]
struct Report {
    rows: Vec<Row>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<Waiting>,
}

/// Runs the benchmark.
///
/// # Errors
/// [`BenchError`] where a server does not start or a run does not succeed.
pub async fn run(args: Arguments) -> Result<(), BenchError> {
    let bench = Bench::start().await?;
    let rest_mb = bench.at_rest().await?;
    let mut rows = Vec::new();
    println!("{CHAIN} steps in a chain, each by an instant in-memory tool, durable\n");
    println!(
        "{:>5} {:>10} {:>10} {:>13} {:>10} {:>12}",
        "runs", "steps/s", "ms/step", "pgbench tps", "/pgbench", "/Restate 1.7"
    );
    for (runs, restate) in RESTATE {
        let pgbench_tps = bench
            .pgbench(Duration::from_secs(args.seconds.clamp(2, 5)))
            .await?;
        let (steps_per_s, ms_per_step) = bench
            .chains(runs, CHAIN, Duration::from_secs(args.seconds))
            .await?;
        println!(
            "{runs:>5} {steps_per_s:>10.0} {ms_per_step:>10.3} {pgbench_tps:>13.0} {:>10.2} {:>12.2}",
            steps_per_s / pgbench_tps,
            steps_per_s / restate
        );
        rows.push(Row {
            runs,
            steps_per_s,
            ms_per_step,
            pgbench_tps,
        });
    }
    let memory = if args.waiting > 0 {
        Some(bench.waiting(args.waiting, rest_mb).await?)
    } else {
        None
    };
    if let Some(memory) = &memory {
        println!(
            "\nresident memory: {:.0} MB at rest, {:.0} MB with {} runs waiting on a slow tool",
            memory.rest_mb, memory.waiting_mb, memory.runs
        );
    }
    bench.stop().await?;
    if args.json {
        println!("{}", serde_json::to_string(&Report { rows, memory })?);
    }
    Ok(())
}
