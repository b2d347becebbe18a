//! Benchmarks, each beside a physical limit or a peer in the same run.

use clap::{Parser, Subcommand};

mod error;
mod journal;

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
}

#[tokio::main]
async fn main() -> Result<(), BenchError> {
    match Arguments::parse().benchmark {
        Benchmark::Journal(arguments) => journal::run(arguments).await,
    }
}
