//! Argo CD's errors: gRPC statuses, as its gateway renders them.

use http::StatusCode;
use serde_json::json;

use crate::Reply;

/// One refusal.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    code: u16,
    message: String,
}

impl Problem {
    fn new(status: StatusCode, code: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    /// `InvalidArgument`.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, 3, message)
    }

    /// `NotFound`.
    pub(super) fn not_found(resource: &str, name: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            5,
            format!("{resource}.argoproj.io \"{name}\" not found"),
        )
    }

    pub(super) fn no_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, 5, "Not Found")
    }

    /// `PermissionDenied`.
    pub(super) fn denied() -> Self {
        Self::new(StatusCode::FORBIDDEN, 7, "permission denied")
    }

    /// `FailedPrecondition`.
    pub(super) fn precondition(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, 9, message)
    }

    /// `Aborted`, which the gateway renders as a conflict.
    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, 10, message)
    }

    /// `Unauthenticated`.
    pub(super) fn unauthenticated(message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, 16, message)
    }

    /// `Unimplemented`.
    pub(super) fn method_not_allowed() -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, 12, "Method Not Allowed")
    }
}

impl From<Problem> for Reply {
    fn from(problem: Problem) -> Self {
        let body = json!({ "error": problem.message, "code": problem.code, "message": problem.message });
        Self::json(problem.status, &body)
    }
}
