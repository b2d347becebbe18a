//! Vault's errors.

use http::StatusCode;
use serde_json::json;

use crate::Reply;

/// One refusal; becomes `{"errors":[...]}`.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    errors: Vec<String>,
}

impl Problem {
    pub(super) fn denied() -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            errors: vec!["permission denied".to_owned()],
        }
    }

    /// Nothing there; the list of errors is empty then.
    pub(super) fn not_found() -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            errors: vec![],
        }
    }

    pub(super) fn missing(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            errors: vec![message.into()],
        }
    }

    pub(super) fn no_route(path: &str) -> Self {
        Self::missing(format!("no handler for route \"{path}\". route entry not found."))
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            errors: vec![message.into()],
        }
    }

    pub(super) fn unsupported() -> Self {
        Self {
            status: StatusCode::METHOD_NOT_ALLOWED,
            errors: vec!["1 error occurred:\n\t* unsupported operation\n\n".to_owned()],
        }
    }
}

impl From<Problem> for Reply {
    fn from(problem: Problem) -> Self {
        Self::json(problem.status, &json!({ "errors": problem.errors }))
    }
}
