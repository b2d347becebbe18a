//! The `opstella` binary.

use std::process::ExitCode;

use clap::Parser;
use opstella_api::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
