//! The stages of a check: each announces itself, says how it went and how long it took.

use std::process::ExitCode;
use std::time::Instant;

use tokio::process::Command;

use crate::cargo;
use crate::error::TaskError;

/// A stage that is one call of cargo.
#[derive(Debug, Clone, Copy)]
pub struct Stage {
    /// Its name in the progress lines.
    pub name: &'static str,
    arguments: &'static [&'static str],
    environment: Option<(&'static str, &'static str)>,
    /// Left out, with a word about it, where this subcommand is not installed.
    needs: Option<&'static str>,
}

/// The format is rustfmt's.
pub const RUSTFMT: Stage = Stage {
    name: "rustfmt",
    arguments: &["fmt", "--all", "--", "--check"],
    environment: None,
    needs: None,
};

/// No lint, rustc's or clippy's, has anything to say.
pub const CLIPPY: Stage = Stage {
    name: "clippy",
    arguments: &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
    environment: None,
    needs: None,
};

/// Licences, advisories and sources of dependencies.
pub const DENY: Stage = Stage {
    name: "cargo-deny",
    arguments: &["deny", "check"],
    environment: None,
    needs: Some("deny"),
};

/// The documentation builds without a warning.
pub const RUSTDOC: Stage = Stage {
    name: "rustdoc",
    arguments: &["doc", "--workspace", "--no-deps"],
    environment: Some(("RUSTDOCFLAGS", "-D warnings")),
    needs: None,
};

/// The stages of one run. All run; the first failure decides the exit status.
#[derive(Debug)]
pub struct Stages {
    total: usize,
    begun: usize,
    started: Instant,
    failed: Vec<(&'static str, i32)>,
}

impl Stages {
    /// For a run of so many stages.
    pub fn new(total: usize) -> Self {
        Self {
            total,
            begun: 0,
            started: Instant::now(),
            failed: Vec::new(),
        }
    }

    /// Runs one call of cargo as a stage; `false` when it failed.
    pub async fn run(&mut self, stage: Stage) -> Result<bool, TaskError> {
        let clock = self.begin(stage.name);
        if let Some(subcommand) = stage.needs
            && !cargo::has(subcommand).await
        {
            eprintln!(
                "{}: left out, cargo-{subcommand} is not installed",
                self.label(stage.name)
            );
            return Ok(true);
        }
        let status = cargo::finish(stage.command()).await?;
        Ok(self.end(stage.name, clock, status.code().unwrap_or(1)))
    }

    /// Announces a stage.
    pub fn begin(&mut self, name: &'static str) -> Instant {
        self.begun += 1;
        eprintln!("{} ...", self.label(name));
        Instant::now()
    }

    /// Says how a stage went; `false` when it failed.
    pub fn end(&mut self, name: &'static str, clock: Instant, code: i32) -> bool {
        let outcome = if code == 0 { "ok" } else { "FAILED" };
        eprintln!(
            "{}: {outcome} in {:.1} s",
            self.label(name),
            clock.elapsed().as_secs_f64()
        );
        if code != 0 {
            self.failed.push((name, code));
        }
        code == 0
    }

    /// Says how the run went as a whole.
    pub fn conclude(&self) {
        let seconds = self.started.elapsed().as_secs_f64();
        if self.failed.is_empty() {
            eprintln!("all {} stages ok in {seconds:.1} s", self.begun);
        } else {
            let names: Vec<&str> = self.failed.iter().map(|(name, _)| *name).collect();
            eprintln!("FAILED: {} (in {seconds:.1} s)", names.join(", "));
        }
    }

    /// The exit status of the first stage that failed.
    pub fn exit_code(&self) -> ExitCode {
        self.failed.first().map_or(ExitCode::SUCCESS, |(_, code)| {
            ExitCode::from(u8::try_from(*code).unwrap_or(1))
        })
    }

    fn label(&self, name: &str) -> String {
        format!("[{}/{}] {name}", self.begun, self.total)
    }
}

impl Stage {
    fn command(self) -> Command {
        let mut command = cargo::command(self.arguments);
        if let Some((name, value)) = self.environment {
            command.env(name, value);
        }
        command
    }
}
