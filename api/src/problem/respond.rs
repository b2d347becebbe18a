//! Problems as answers.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};

use super::{Problem, ProblemKind};
use crate::http::current;

/// The media type.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";
/// Seconds until it may be tried again.
const SOON: &str = "5";

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut shown = self.clone();
        if let Some(request) = current::request() {
            shown.instance = Some(request.path);
            shown.request_id = Some(request.id);
        }
        let body = serde_json::to_vec(&shown).unwrap_or_default();
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header((CONTENT_TYPE, MEDIA_TYPE));
        // Whoever knows better when to come back says so below.
        if self.status_code() == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header((RETRY_AFTER, SOON));
        }
        for (name, value) in &self.headers {
            let pair = (HeaderName::try_from(*name), HeaderValue::try_from(value));
            if let (Ok(name), Ok(value)) = pair {
                response.insert_header((name, value));
            }
        }
        response.body(body)
    }
}

/// An error of ours: the cause goes to the log, not to the client.
pub fn internal(cause: impl std::fmt::Display) -> Problem {
    tracing::error!(error = %cause, "a request failed");
    Problem::new(
        ProblemKind::Internal,
        "the cause is in the server's log, under this request's id",
    )
    .hint("try again; if it stays, give the request id to whoever runs Opstella")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn what_is_away_for_now_says_when_to_come_back() {
        let seconds = |problem: Problem| {
            let response = problem.error_response();
            let mut values = response.headers().get_all(RETRY_AFTER);
            let first = values.next().map(|value| value.to_str().unwrap().to_owned());
            assert!(values.next().is_none());
            first
        };
        for kind in ProblemKind::iter() {
            let found = seconds(Problem::new(kind, "x"));
            let expected = (kind.status() == StatusCode::SERVICE_UNAVAILABLE).then(|| SOON.to_owned());
            assert_eq!(found, expected, "{kind:?}");
        }
        let known = Problem::new(ProblemKind::Unavailable, "x").header("Retry-After", "2");
        assert_eq!(seconds(known).as_deref(), Some("2"));
    }
}
