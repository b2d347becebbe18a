//! `cargo xtask test`: everything, on servers of its own.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use opstella_devservers::postgres::{Postgres, PostgresOptions, TEST_POSTGRES};
use tokio::process::Command;

use crate::cargo;
use crate::counts::Counts;
use crate::error::TaskError;
use crate::interrupt;
use crate::stage::{CLIPPY, DENY, RUSTDOC, RUSTFMT, Stage, Stages};

/// Runs everything; only the tests when `arguments` for nextest are given; and cargo-deny when `deny` is set.
///
/// The last line of output is `N passed, N failed`. A stage that is no test counts as one failure if it fails, so that
/// the line and the exit status always agree.
pub async fn run(arguments: &[String], deny: bool) -> Result<ExitCode, TaskError> {
    let arguments = match arguments.split_first() {
        Some((first, rest)) if first == "--" => rest,
        _ => arguments,
    };
    let only_tests = !arguments.is_empty();
    let before: &[Stage] = match (only_tests, deny) {
        (true, _) => &[],
        (false, false) => &[RUSTFMT, CLIPPY],
        (false, true) => &[RUSTFMT, CLIPPY, DENY],
    };
    let total = before.len() + if only_tests { 2 } else { 4 };
    let mut stages = Stages::new(total);
    let mut counts = Counts::default();
    for stage in before {
        counts.failed += u64::from(!stages.run(*stage).await?);
    }

    let clock = stages.begin("PostgreSQL");
    let server = tokio::select! {
        server = Postgres::start(PostgresOptions::throwaway()) => server?,
        _ = interrupt::requested() => return Err(TaskError::Interrupted),
    };
    stages.end("PostgreSQL", clock, 0);
    let admin_url = server.url("postgres");
    run_tests(
        &mut stages,
        &mut counts,
        "tests",
        tests(arguments).await.env(TEST_POSTGRES, &admin_url),
    )
    .await?;
    if !only_tests {
        let mut doctests = cargo::command(&["test", "--workspace", "--doc", "--no-fail-fast"]);
        run_tests(
            &mut stages,
            &mut counts,
            "doctests",
            doctests.env(TEST_POSTGRES, &admin_url),
        )
        .await?;
    }
    server.stop().await?;
    if !only_tests {
        counts.failed += u64::from(!stages.run(RUSTDOC).await?);
    }

    stages.conclude();
    let mut output = std::io::stdout();
    let _ = writeln!(output, "{counts}").and_then(|()| output.flush());
    Ok(stages.exit_code())
}

/// nextest if it is installed, else libtest, which needs no installation.
async fn tests(arguments: &[String]) -> Command {
    let mut command = if cargo::has("nextest").await {
        let mut command = cargo::command(&["nextest", "run", "--profile", "ci"]);
        if !selects_packages(arguments) {
            command.arg("--workspace");
        }
        command
    } else {
        eprintln!("cargo-nextest is not installed; cargo test does it, one crate after the other");
        let mut command = cargo::command(&["test", "--no-fail-fast", "--lib", "--bins", "--tests"]);
        if !selects_packages(arguments) {
            command.arg("--workspace");
        }
        command
    };
    command.args(arguments);
    command
}

fn selects_packages(arguments: &[String]) -> bool {
    arguments.iter().any(|argument| {
        ["--package", "--manifest-path"]
            .iter()
            .any(|option| argument.starts_with(option))
            || (argument.starts_with("-p") && !argument.starts_with("--"))
    })
}

async fn run_tests(
    stages: &mut Stages,
    counts: &mut Counts,
    name: &'static str,
    command: &mut Command,
) -> Result<(), TaskError> {
    let clock = stages.begin(name);
    if std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let mut found = Counts::default();
    let command = std::mem::replace(command, Command::new("true"));
    let status = cargo::finish_looking(command, |line| {
        if let Some(more) = Counts::in_line(line) {
            found.add(more);
        }
    })
    .await?;
    if !status.success() && found.failed == 0 {
        // It did not build, or no test was selected.
        found.failed = 1;
    }
    counts.add(found);
    stages.end(name, clock, status.code().unwrap_or(1));
    Ok(())
}
