//! Running cargo from cargo.

use std::io::Write;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use crate::error::TaskError;
use crate::interrupt::{self, Request};

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR")
        .and_then(|folder| PathBuf::from(folder).parent().map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from("."))
}

/// A command that runs cargo as if a person had typed it.
pub fn command(arguments: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    // Build scripts that watch these variables (ring's does) would make the inner cargo build everything again.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"]
            .iter()
            .any(|prefix| text.starts_with(prefix))
        {
            command.env_remove(&name);
        }
    }
    command
        .args(arguments)
        .current_dir(workspace())
        .stdin(Stdio::null());
    command
}

/// Whether a subcommand of cargo is installed.
pub async fn has(subcommand: &str) -> bool {
    let output = command(&[subcommand, "--version"]).output().await;
    output.is_ok_and(|output| output.status.success())
}

/// Runs a command to its end, unless we are interrupted: then it is asked to end first.
pub async fn finish(mut command: Command) -> Result<ExitStatus, TaskError> {
    let mut child = spawn(&mut command)?;
    wait(&mut child).await
}

/// Like [`finish`], and passes on the lines of both its outputs while `look` sees them.
pub async fn finish_looking(
    mut command: Command,
    mut look: impl FnMut(&str),
) -> Result<ExitStatus, TaskError> {
    let mut child = spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let (lines, mut incoming) = tokio::sync::mpsc::channel::<(bool, String)>(64);
    let outputs = child.stdout.take().zip(child.stderr.take());
    if let Some((stdout, stderr)) = outputs {
        tokio::spawn(forward(stdout, false, lines.clone()));
        tokio::spawn(forward(stderr, true, lines));
    }
    let mut show = std::pin::pin!(async {
        while let Some((to_stderr, line)) = incoming.recv().await {
            look(&line);
            // A closed terminal must not stop the run.
            let _ = if to_stderr {
                std::io::stderr().write_all(line.as_bytes())
            } else {
                std::io::stdout().write_all(line.as_bytes())
            };
        }
    });
    let mut end = std::pin::pin!(wait(&mut child));
    tokio::select! {
        status = &mut end => {
            // The last lines; but a process that outlives cargo may hold the pipes open.
            let _ = tokio::time::timeout(Duration::from_secs(2), show).await;
            status
        }
        () = &mut show => end.await,
    }
}

async fn forward(
    output: impl AsyncRead + Unpin,
    to_stderr: bool,
    lines: tokio::sync::mpsc::Sender<(bool, String)>,
) {
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    while matches!(reader.read_until(b'\n', &mut line).await, Ok(1..)) {
        let text = String::from_utf8_lossy(&line).into_owned();
        line.clear();
        if lines.send((to_stderr, text)).await.is_err() {
            return;
        }
    }
}

fn spawn(command: &mut Command) -> Result<Child, TaskError> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    command
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| TaskError::Run { program, source })
}

async fn wait(child: &mut Child) -> Result<ExitStatus, TaskError> {
    let lost = |source| TaskError::Run {
        program: "cargo".to_owned(),
        source,
    };
    tokio::select! {
        status = child.wait() => status.map_err(lost),
        request = interrupt::requested() => {
            // A second signal would make nextest kill its tests before they have cleaned up.
            let patience = Duration::from_secs(10);
            let knows = request == Request::Everybody;
            if !knows || tokio::time::timeout(patience, child.wait()).await.is_err() {
                if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
                    let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
                }
                if tokio::time::timeout(patience, child.wait()).await.is_err() {
                    let _ = child.start_kill();
                }
            }
            Err(TaskError::Interrupted)
        }
    }
}
