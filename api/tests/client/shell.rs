//! Somebody's shell.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Longest that a command may take in a test.
const PATIENCE: Duration = Duration::from_secs(90);

/// Somebody's shell: their home and their variables.
pub struct Shell {
    home: TempDir,
    variables: Vec<(&'static str, String)>,
}

/// What a command came to.
#[derive(Debug)]
pub struct Ran {
    pub line: String,
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Checks how it ended.
    #[track_caller]
    pub fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "`{}`: {self:#?}", self.line);
        self
    }

    /// Checks that these words are on standard output.
    #[track_caller]
    pub fn shows(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stdout.contains(word), "`{word}` is not shown: {self:#?}");
        }
        self
    }

    /// Checks that these words are on standard error.
    #[track_caller]
    pub fn tells(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stderr.contains(word), "`{word}` is not told: {self:#?}");
        }
        self
    }

    /// Standard output as one JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

impl Shell {
    /// A shell in which only the server is set.
    pub fn at(base: &str) -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            variables: vec![("OPSTELLA_API_URL", base.to_owned())],
        }
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

    /// Writes a file into the working folder.
    pub fn file(&self, name: &str, content: &Value) {
        std::fs::write(self.home.path().join(name), content.to_string()).unwrap();
    }

    /// Runs a command line, written as words; a word in quotes may have spaces.
    pub async fn run(&self, line: &str) -> Ran {
        self.run_with(line, "").await
    }

    /// The same, with this on standard input.
    pub async fn run_with(&self, line: &str, stdin: &str) -> Ran {
        let words = line.split('\'').enumerate().flat_map(|(part, text)| {
            if part % 2 == 1 {
                vec![text]
            } else {
                text.split_whitespace().collect()
            }
        });
        let mut child = Command::new(env!("CARGO_BIN_EXE_opstella"))
            .args(words)
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
            line: line.to_owned(),
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
