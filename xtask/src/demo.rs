//! `cargo xtask demo`: the demo on a private PostgreSQL.

use std::process::ExitCode;

use indicatif::ProgressBar;
use opstella_devservers::postgres::{Postgres, PostgresOptions};
use tokio::process::Command;

use crate::cargo;
use crate::error::TaskError;
use crate::interrupt;

/// Builds the binary, starts PostgreSQL, and runs `opstella demo` with these arguments.
pub async fn run(arguments: &[String]) -> Result<ExitCode, TaskError> {
    eprintln!("building opstella (the first time takes some minutes)");
    let built = cargo::finish(cargo::command(&["build", "--quiet", "--package", "opstella-api"])).await?;
    if !built.success() {
        return Ok(ExitCode::FAILURE);
    }
    let spinner = ProgressBar::new_spinner().with_message("starting a private PostgreSQL");
    let server = tokio::select! {
        server = Postgres::start(PostgresOptions::durable()) => server?,
        _ = interrupt::requested() => return Err(TaskError::Interrupted),
    };
    let url = server.create_database("demo").await?;
    spinner.finish_and_clear();

    let mut command = Command::new(binary());
    // The URL holds a password: not on the command line, where every user of the machine sees it.
    command
        .arg("demo")
        .args(arguments)
        .env("OPSTELLA_DEMO_DATABASE_URL", url)
        .current_dir(cargo::workspace());
    let outcome = cargo::finish(command).await;
    server.stop().await?;
    match outcome {
        Ok(status) => Ok(ExitCode::from(
            u8::try_from(status.code().unwrap_or(1)).unwrap_or(1),
        )),
        // Ctrl-C is how a demo that stays up ends.
        Err(TaskError::Interrupted) if stays_up(arguments) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error),
    }
}

/// Whether the demo goes on until somebody ends it; with `--once` it has something to finish.
fn stays_up(arguments: &[String]) -> bool {
    !arguments.iter().any(|argument| argument == "--once")
}

fn binary() -> std::path::PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(std::path::PathBuf::from);
    target
        .unwrap_or_else(|| cargo::workspace().join("target"))
        .join("debug")
        .join("opstella")
}

#[cfg(test)]
mod tests {
    use super::stays_up;

    #[test]
    fn a_demo_that_runs_once_was_not_finished_when_it_was_interrupted() {
        let arguments = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        assert!(stays_up(&arguments(&["--fail", "harbor"])));
        assert!(!stays_up(&arguments(&["--once", "--fail", "harbor"])));
    }
}
