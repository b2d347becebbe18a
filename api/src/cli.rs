//! The commands of the binary.

mod migrate;
mod openapi;
mod projections;
mod runs;
mod serve;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use opstella_client::ClientCommand;
use thiserror::Error;

use crate::config::{self, Config};
use crate::wiring::StartError;

/// The control plane of a DevSecOps platform.
#[derive(Debug, Parser)]
#[command(name = "opstella", version, about)]
pub struct Cli {
    /// The configuration file; `OPSTELLA_*` variables go before it.
    #[arg(long, global = true, env = "OPSTELLA_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API and execute runs.
    Serve(serve::Serve),
    /// Bring the database's schema up to date.
    Migrate(migrate::Migrate),
    /// Show Opstella on the sandbox's tools and an empty database.
    Demo(crate::demo::DemoArgs),
    /// Print the OpenAPI description.
    Openapi(openapi::Openapi),
    /// Look at the read models, rebuild one.
    #[command(subcommand)]
    Projections(projections::ProjectionsCommand),
    /// Follow a run by the API; look at runs and operate them, directly on the database.
    #[command(subcommand)]
    Runs(runs::RunsCommand),
    /// Look at one custom gate; the server starts it.
    #[command(hide = true)]
    Gate,
    /// What talks to a server.
    #[command(flatten)]
    Client(Box<ClientCommand>),
}

/// Why a command failed; one line.
#[derive(Debug, Error)]
pub enum CliError {
    /// It could not begin.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Opstella refused it.
    #[error("{0}")]
    Refused(String),
    /// What was asked to be checked is not so.
    #[error("{0}")]
    Check(String),
    /// An argument.
    #[error("{0}")]
    Argument(String),
}

impl CliError {
    /// 2: usage and configuration; 3: refused; 1: the rest.
    fn code(&self) -> u8 {
        match self {
            Self::Start(StartError::Config(_)) | Self::Argument(_) => 2,
            Self::Refused(_) => 3,
            Self::Start(_) | Self::Check(_) => 1,
        }
    }
}

impl Cli {
    /// Runs the command, and says in one line why it failed.
    pub fn run(self) -> ExitCode {
        if matches!(self.command, Command::Gate) {
            return opstella_commands::gate::child();
        }
        let file = self.config;
        let load = || -> Result<Config, CliError> {
            let mut config =
                config::load(file.as_deref()).map_err(|error| CliError::from(StartError::from(error)))?;
            // Only the binary knows that it has the command `gate`: a test's program would start its tests.
            if config.gates.program.is_none() {
                config.gates.program = std::env::current_exe().ok();
            }
            Ok(config)
        };
        let result = match self.command {
            Command::Gate => Ok(()),
            // A client needs no configuration and no database.
            Command::Client(command) => return opstella_client::run(*command, Self::command()),
            Command::Runs(runs::RunsCommand::Watch(command)) => return opstella_client::watch(*command),
            Command::Openapi(command) => command.run(),
            Command::Demo(arguments) => block_on(show(arguments)),
            Command::Serve(command) => load().and_then(|config| block_on(command.run(config))),
            Command::Migrate(command) => load().and_then(|config| block_on(command.run(config))),
            Command::Projections(command) => load().and_then(|config| block_on(command.run(config))),
            Command::Runs(command) => load().and_then(|config| block_on(command.run(config))),
        };
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("opstella: {error}");
                ExitCode::from(error.code())
            }
        }
    }
}

async fn show(arguments: crate::demo::DemoArgs) -> Result<(), CliError> {
    match crate::demo::run(arguments).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(CliError::Check("the demo did not end as it was asked to".into())),
        Err(error) => Err(CliError::Refused(error.to_string())),
    }
}

fn block_on(work: impl Future<Output = Result<(), CliError>>) -> Result<(), CliError> {
    let started = |error: std::io::Error| CliError::from(StartError::Server(error));
    // Reached by every command that talks to anybody; a second call changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(started)?
        .block_on(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn operators_commands_and_the_clients_stand_side_by_side() {
        const RUN: &str = "019f2b7c-6c1e-7d52-9a55-0d1f6e0c4b11";
        let lines: [&[&str]; 4] = [
            &["runs", "list", "--limit", "5"],
            &[
                "runs",
                "watch",
                RUN,
                "--server",
                "http://127.0.0.1:1",
                "-o",
                "json",
            ],
            &[
                "promote",
                "payments/checkout",
                "1.4.0",
                "--to",
                "SIT",
                "--wait",
                "--timeout",
                "5m",
            ],
            &["completions", "bash"],
        ];
        for line in lines {
            let parsed = Cli::try_parse_from(std::iter::once(&"opstella").chain(line));
            assert!(parsed.is_ok(), "{line:?}: {parsed:?}");
        }
    }
}
