//! Development commands: `cargo xtask demo`, `test`, `lint`, `docs`, `ci`, `bench`.

mod bench;
mod cargo;
mod counts;
mod demo;
mod error;
mod interrupt;
mod stage;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::stage::Stages;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "Development commands of Opstella",
    disable_version_flag = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show it: a service is created across the sandbox's tools. `--once`, `--fail TOOL`, `--tool-latency MS`.
    Demo {
        /// What `opstella demo` takes.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Check everything: format, lints, all tests on real servers, doctests, documentation.
    Test {
        /// Given any, only the tests run, with these arguments for nextest.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Measure: `journal` or `sagas`, and what these take.
    Bench {
        /// What to measure, and how.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        arguments: Vec<String>,
    },
    /// Check the format and the lints; licences and advisories where cargo-deny is installed.
    Lint,
    /// Build the documentation of all crates; a warning is an error.
    Docs,
    /// What continuous integration does: `lint` and `test`.
    Ci,
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Test { arguments } => test::run(&arguments, false).await,
        Command::Demo { arguments } => demo::run(&arguments).await,
        Command::Ci => test::run(&[], true).await,
        Command::Bench { arguments } => bench::run(&arguments).await,
        Command::Lint => alone(&[stage::RUSTFMT, stage::CLIPPY, stage::DENY]).await,
        Command::Docs => alone(&[stage::RUSTDOC]).await,
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        error.exit_code()
    })
}

/// Runs stages that need no server, all of them whatever fails.
async fn alone(wanted: &[stage::Stage]) -> Result<ExitCode, error::TaskError> {
    let mut stages = Stages::new(wanted.len());
    for stage in wanted {
        stages.run(*stage).await?;
    }
    Ok(stages.exit_code())
}
