//! The client as a process.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::Server;

/// Longest that a command may take in a test.
const PATIENCE: Duration = Duration::from_secs(90);

/// Somebody's shell: their home and their variables.
pub struct Cli {
    home: TempDir,
    variables: Vec<(&'static str, String)>,
}

/// What a command came to.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Standard output as one JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Cli {
    /// A shell with nothing set.
    pub fn bare() -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
        }
    }

    /// A shell with the server and a token in variables, as in CI.
    pub fn of(server: &Server) -> Self {
        Self::bare()
            .with("OPSTELLA_API_URL", &server.url)
            .with("OPSTELLA_TOKEN", "token-of-the-test")
    }

    /// With a variable.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    /// Where tokens are kept.
    pub fn credentials(&self) -> PathBuf {
        self.home.path().join("opstella/credentials.json")
    }

    /// Runs a command line, written as words.
    pub async fn run(&self, line: &str) -> Ran {
        self.run_with(line, "").await
    }

    /// The same, with this on standard input.
    pub async fn run_with(&self, line: &str, stdin: &str) -> Ran {
        let mut child = Command::new(env!("CARGO_BIN_EXE_opstella-client"))
            .args(line.split_whitespace())
            .env_clear()
            .env("XDG_CONFIG_HOME", self.home.path())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        // A command that reads nothing may be gone already.
        let _ = input.write_all(stdin.as_bytes()).await;
        drop(input);
        let output = tokio::time::timeout(PATIENCE, child.wait_with_output())
            .await
            .unwrap_or_else(|_| panic!("`{line}` takes too long"))
            .unwrap();
        Ran {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Writes a file into the working folder.
    pub fn file(&self, name: &str, content: &str) {
        std::fs::write(self.home.path().join(name), content).unwrap();
    }
}
