//! `cargo xtask bench`: the benchmarks, built as they are shipped.

use std::process::ExitCode;

use crate::cargo;
use crate::error::TaskError;

/// Runs the benchmarks with these arguments. Their output is theirs alone: its last line may be JSON.
pub async fn run(arguments: &[String]) -> Result<ExitCode, TaskError> {
    let mut command = cargo::command(&[
        "run",
        "--quiet",
        "--release",
        "--package",
        "opstella-benches",
        "--",
    ]);
    command.args(arguments);
    let status = cargo::finish(command).await?;
    Ok(ExitCode::from(
        u8::try_from(status.code().unwrap_or(1)).unwrap_or(1),
    ))
}
