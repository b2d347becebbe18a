//! The catalog of problems.

use actix_web::http::StatusCode;
use strum::EnumIter;

/// Which problem it is. The slugs are part of the API: they never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter)]
pub enum ProblemKind {
    /// 400: a path or query parameter, or a header, breaks a rule.
    InvalidParameter,
    /// 400: the body is no JSON.
    MalformedJson,
    /// 400: the request cannot be read.
    BadRequest,
    /// 400: a sign-in did not succeed.
    SignInFailed,
    /// 400: the provider's logout token is not taken.
    InvalidLogoutToken,
    /// 401.
    Unauthenticated,
    /// 403.
    Forbidden,
    /// 403: a session's request may come from another site.
    CrossSite,
    /// 404: signing in with a browser is not configured.
    SignInDisabled,
    /// 404: nothing of that name.
    NotFound,
    /// 404: no such route.
    NoSuchRoute,
    /// 405.
    MethodNotAllowed,
    /// 409: the name is taken.
    NameTaken,
    /// 409: the command does not fit the state.
    WrongState,
    /// 409: too many others change the same thing.
    Conflict,
    /// 409: a tool that the plan needs is not connected.
    ToolNotConnected,
    /// 412.
    VersionMismatch,
    /// 413.
    TooLarge,
    /// 414.
    PathTooLong,
    /// 415.
    UnsupportedMediaType,
    /// 422: a field of the body breaks a rule.
    InvalidField,
    /// 422: an idempotency key was used for another request.
    IdempotencyKeyReused,
    /// 429.
    RateLimited,
    /// 431.
    HeadersTooLarge,
    /// 500.
    Internal,
    /// 503: as much of it is under way as there may be at once.
    Busy,
    /// 503: something that is needed is away.
    Unavailable,
    /// 503: the read model did not reach the position in time.
    NotYetVisible,
    /// 504.
    Timeout,
    /// 504: the database went away during the commit.
    OutcomeUnknown,
}

impl ProblemKind {
    /// The last part of the type.
    pub fn slug(self) -> &'static str {
        self.parts().0
    }

    /// The status code.
    pub fn status(self) -> StatusCode {
        self.parts().1
    }

    /// One line for people.
    pub fn title(self) -> &'static str {
        self.parts().2
    }

    fn parts(self) -> (&'static str, StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::InvalidParameter => ("invalid-parameter", S::BAD_REQUEST, "A parameter breaks a rule"),
            Self::MalformedJson => ("malformed-json", S::BAD_REQUEST, "The body is no JSON"),
            Self::BadRequest => ("bad-request", S::BAD_REQUEST, "The request cannot be read"),
            Self::SignInFailed => ("sign-in-failed", S::BAD_REQUEST, "Signing in did not succeed"),
            Self::InvalidLogoutToken => (
                "invalid-logout-token",
                S::BAD_REQUEST,
                "The logout token is not taken",
            ),
            Self::CrossSite => (
                "cross-site",
                S::FORBIDDEN,
                "The request may come from another site",
            ),
            Self::SignInDisabled => (
                "sign-in-disabled",
                S::NOT_FOUND,
                "Signing in with a browser is not configured",
            ),
            Self::Unauthenticated => ("unauthenticated", S::UNAUTHORIZED, "A valid token is needed"),
            Self::Forbidden => ("forbidden", S::FORBIDDEN, "A permission is missing"),
            Self::NotFound => ("not-found", S::NOT_FOUND, "It does not exist"),
            Self::NoSuchRoute => ("no-such-route", S::NOT_FOUND, "There is no such route"),
            Self::MethodNotAllowed => (
                "method-not-allowed",
                S::METHOD_NOT_ALLOWED,
                "The resource does not take this method",
            ),
            Self::NameTaken => ("name-taken", S::CONFLICT, "The name is taken"),
            Self::WrongState => ("wrong-state", S::CONFLICT, "The command does not fit the state"),
            Self::Conflict => ("conflict", S::CONFLICT, "Others change the same thing"),
            Self::ToolNotConnected => ("tool-not-connected", S::CONFLICT, "A tool is not connected"),
            Self::VersionMismatch => (
                "version-mismatch",
                S::PRECONDITION_FAILED,
                "It is at another version",
            ),
            Self::TooLarge => ("too-large", S::PAYLOAD_TOO_LARGE, "The request is too large"),
            Self::PathTooLong => ("path-too-long", S::URI_TOO_LONG, "The path is too long"),
            Self::UnsupportedMediaType => (
                "unsupported-media-type",
                S::UNSUPPORTED_MEDIA_TYPE,
                "The body must be JSON",
            ),
            Self::InvalidField => ("invalid-field", S::UNPROCESSABLE_ENTITY, "A field breaks a rule"),
            Self::IdempotencyKeyReused => (
                "idempotency-key-reused",
                S::UNPROCESSABLE_ENTITY,
                "The idempotency key was used for another request",
            ),
            Self::RateLimited => ("rate-limited", S::TOO_MANY_REQUESTS, "Too many requests"),
            Self::HeadersTooLarge => (
                "headers-too-large",
                S::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "The headers are too large",
            ),
            Self::Internal => (
                "internal",
                S::INTERNAL_SERVER_ERROR,
                "Something is wrong in Opstella",
            ),
            Self::Busy => ("busy", S::SERVICE_UNAVAILABLE, "Too much of it is under way"),
            Self::Unavailable => ("unavailable", S::SERVICE_UNAVAILABLE, "Something needed is away"),
            Self::NotYetVisible => (
                "not-yet-visible",
                S::SERVICE_UNAVAILABLE,
                "The read model is behind the position",
            ),
            Self::Timeout => ("timeout", S::GATEWAY_TIMEOUT, "It took too long"),
            Self::OutcomeUnknown => (
                "outcome-unknown",
                S::GATEWAY_TIMEOUT,
                "Whether it was stored is not known",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn every_slug_is_documented() {
        let table = include_str!("../../../docs/api.md")
            .lines()
            .filter(|line| line.starts_with("| `"));
        let rows: Vec<&str> = table.collect();
        for kind in ProblemKind::iter() {
            let (slug, status) = (format!("`{}`", kind.slug()), kind.status().as_u16().to_string());
            let row = rows.iter().find(|row| {
                let mut cells = row.split('|').skip(1);
                let named = cells.next().is_some_and(|cell| cell.contains(&slug));
                named && cells.next().is_some_and(|cell| cell.contains(&status))
            });
            assert!(row.is_some(), "docs/api.md has no row of {slug} with {status}");
        }
    }

    #[test]
    fn every_slug_is_there_once() {
        let slugs: BTreeSet<_> = ProblemKind::iter().map(ProblemKind::slug).collect();
        assert_eq!(slugs.len(), ProblemKind::iter().count());
    }
}
