//! Why a command was not carried out.

use serde_json::{Value, json};
use thiserror::Error;

use crate::exit::Exit;
use crate::http::Problem;

/// Why a command was not carried out; one line that says what to do.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The command line or the configuration.
    #[error("{0}")]
    Usage(String),
    /// The login has ended, and there is nothing to get another token with.
    #[error("{0}")]
    LoggedOut(String),
    /// The server, or the issuer of tokens, refused.
    #[error("{problem} [{}: {call}]", problem.code())]
    Refused {
        /// What was asked.
        call: String,
        /// Why not.
        problem: Box<Problem>,
    },
    /// The server is there and cannot.
    #[error("{problem}{again} [{}: {call}]", problem.code())]
    Unavailable {
        /// What was asked.
        call: String,
        /// Why not.
        problem: Box<Problem>,
        /// How to send a command again; empty for queries.
        again: String,
    },
    /// Nobody answers, or not in time.
    #[error("{0}")]
    Unreachable(String),
}

impl ClientError {
    /// How the process ends.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::LoggedOut(_) => Exit::Usage,
            Self::Refused { .. } => Exit::Refused,
            Self::Unavailable { .. } | Self::Unreachable(_) => Exit::Unreachable,
        }
    }

    /// The problem document, where the server sent one.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused { problem, .. } | Self::Unavailable { problem, .. } => Some(problem),
            Self::Usage(_) | Self::LoggedOut(_) | Self::Unreachable(_) => None,
        }
    }

    /// The same where what was asked for is under way and only waited for: a login that ends then stops nothing of it.
    pub(crate) fn while_waiting(self, goes_on: &str) -> Self {
        let ended = match &self {
            Self::LoggedOut(_) => true,
            Self::Refused { problem, .. } => problem.status == 401,
            Self::Usage(_) | Self::Unavailable { .. } | Self::Unreachable(_) => false,
        };
        if ended {
            Self::Unreachable(format!("{self}; it goes on: {goes_on}"))
        } else {
            self
        }
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let mut error = json!({"message": self.to_string(), "exit_code": self.exit().code()});
        if let (Some(problem), Some(fields)) = (self.problem(), error.as_object_mut()) {
            fields.insert("problem".to_owned(), problem.document.clone());
        }
        json!({ "error": error })
    }
}
