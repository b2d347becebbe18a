//! The benchmarks, each beside a physical limit or a peer in the same run.

mod error;
mod pgbench;
mod sagas;

use std::process::ExitCode;

use clap::Parser;

use error::BenchError;

/// Measures Opstella beside its limits and peers.
#[derive(Debug, Parser)]
enum Bench {
    /// Steps a second of chains of steps.
    Sagas(sagas::SagasArgs),
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Bench::parse() {
        Bench::Sagas(args) => sagas::run(args).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
