//! What ends a development command before its end.

use std::process::ExitCode;

/// A development command could not be carried through.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// Ctrl-C or a request to terminate.
    #[error("interrupted")]
    Interrupted,
    /// A program could not be run.
    #[error("could not run {program}: {source}")]
    Run {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// A server could not be provided.
    #[error(transparent)]
    Server(#[from] opstella_devservers::DevServerError),
}

impl TaskError {
    /// 130 after an interruption, as shells expect; else 1.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Interrupted => ExitCode::from(130),
            _ => ExitCode::FAILURE,
        }
    }
}
