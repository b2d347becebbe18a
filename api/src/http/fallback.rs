//! No error without a problem document: what the framework answers by itself gets one here.

use actix_web::body::BoxBody;
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{Error, HttpRequest, HttpResponse, ResponseError};

use crate::openapi;
use crate::problem::{Problem, ProblemKind};

/// Answers requests that no route takes.
pub async fn no_such_route(request: HttpRequest) -> HttpResponse {
    missing(&request).error_response()
}

fn missing(request: &HttpRequest) -> Problem {
    let path: String = request.path().chars().take(200).collect();
    Problem::new(ProblemKind::NoSuchRoute, format!("there is nothing at {path}"))
        .hint("GET /api/openapi.json describes all routes, /api/docs shows them")
}

/// What is answered where the description of the API has no such operation.
pub(crate) fn undescribed(request: &HttpRequest) -> Problem {
    let route = request.match_pattern().unwrap_or_default();
    if openapi::is_described(&route) {
        of(request, StatusCode::METHOD_NOT_ALLOWED)
    } else {
        tracing::error!(route, "a route is not described");
        missing(request)
    }
}

/// Gives errors of the framework a problem document.
pub(super) fn only_problems(
    result: Result<ServiceResponse<BoxBody>, Error>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    match result {
        Ok(response) if is_bare(&response) => {
            let problem = of(response.request(), response.status());
            Ok(response.into_response(problem.error_response()))
        }
        Ok(response) => Ok(response),
        Err(error) => {
            if error.as_error::<Problem>().is_some() {
                return Err(error);
            }
            let status = error.as_response_error().status_code();
            tracing::debug!(%error, "an error of the framework");
            Err(plain(status).into())
        }
    }
}

fn is_bare(response: &ServiceResponse<BoxBody>) -> bool {
    let status = response.status();
    let problem = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|t| t.as_bytes().starts_with(b"application/problem+json"));
    // What a probe says about us is an answer, not an error.
    let probe = response.request().match_pattern().is_some_and(|p| p == "/readyz");
    (status.is_client_error() || status.is_server_error()) && !problem && !probe
}

fn of(request: &HttpRequest, status: StatusCode) -> Problem {
    match status {
        StatusCode::NOT_FOUND => missing(request),
        StatusCode::METHOD_NOT_ALLOWED => {
            let allowed = openapi::methods(&request.match_pattern().unwrap_or_default()).join(", ");
            let method: String = request.method().as_str().chars().take(20).collect();
            Problem::new(
                ProblemKind::MethodNotAllowed,
                format!("this takes {allowed}, not {method}"),
            )
            .header("Allow", allowed)
        }
        status => plain(status),
    }
}

fn plain(status: StatusCode) -> Problem {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(ProblemKind::TooLarge, "the body is too large"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Problem::new(
            ProblemKind::UnsupportedMediaType,
            "send application/json",
        )
        .field("Content-Type", "must be application/json", None),
        status if status.is_client_error() => {
            Problem::new(ProblemKind::BadRequest, "the request cannot be read")
        }
        status => crate::problem::internal(format!("the framework answered {status}")),
    }
}
