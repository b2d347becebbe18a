//! Why the demo ends early.

use thiserror::Error;

/// Why the demo ends early.
#[derive(Debug, Error)]
pub enum DemoError {
    /// The server did not start.
    #[error(transparent)]
    Server(#[from] crate::wiring::StartError),
    /// The sandbox did not start.
    #[error("the sandbox did not start: {0}")]
    Sandbox(#[from] opstella_sandbox::SandboxError),
    /// The sandbox does not take the fault.
    #[error("the sandbox does not take the fault: {0}")]
    Fault(#[from] opstella_sandbox::FaultError),
    /// The API cannot be reached.
    #[error("the API does not answer: {0}")]
    Http(#[from] reqwest::Error),
    /// The API refused.
    #[error("{call} was answered {status}: {detail}")]
    Refused {
        /// What was asked.
        call: String,
        /// The status.
        status: u16,
        /// The problem's words.
        detail: String,
    },
    /// Standard output is closed.
    #[error("standard output: {0}")]
    Output(#[from] std::io::Error),
    /// Something that must not be.
    #[error("{0}")]
    Unexpected(String),
}
