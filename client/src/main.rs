//! The client without the server: a small binary for images of CI jobs. `opstella` has all of this too.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use opstella_client::{ClientCommand, Watch, With};

/// The client of Opstella, a control plane of a DevSecOps platform.
#[derive(Debug, Parser)]
#[command(name = "opstella-client", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Client(Box<ClientCommand>),
    /// Look at runs.
    #[command(subcommand)]
    Runs(Runs),
}

#[derive(Debug, Subcommand)]
enum Runs {
    /// Follow a run live, until it ends.
    Watch(With<Watch>),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Client(command) => opstella_client::run(*command, Cli::command()),
        Command::Runs(Runs::Watch(command)) => opstella_client::watch(command),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
