//! Benchmarks, each beside a physical limit or a peer in the same run.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod error;
mod journal;
mod percentile;
mod pgbench;
mod queries;
mod sagas;

pub(crate) use error::BenchError;

#[derive(Parser)]
#[command(name = "opstella-bench", version, about)]
struct Arguments {
    #[command(subcommand)]
    benchmark: Benchmark,
}

#[derive(Subcommand)]
enum Benchmark {
    /// Appends, beside pgbench and stock postgres-es; the subscription, beside COPY.
    Journal(journal::Arguments),
    /// Steps a second of chains of steps, beside pgbench.
    Sagas(sagas::Arguments),
    /// The matrix, the board and DORA's metrics over 50,000 promotions, beside SELECT 1.
    Queries(queries::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Arguments::parse().benchmark {
        Benchmark::Journal(arguments) => journal::run(arguments).await,
        Benchmark::Sagas(arguments) => sagas::run(arguments).await,
        Benchmark::Queries(arguments) => queries::run(arguments).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
