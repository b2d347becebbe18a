//! The outermost layer: request ids, the client's address, limits on the head, the time limit, spans and metrics.

use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, web};
use tracing::Instrument;
use uuid::Uuid;

use super::client_address::ClientAddress;
use super::command::prefer_wait;
use super::current::{self, CurrentRequest};
use super::fallback;
use crate::problem::{Problem, ProblemKind};
use crate::state::AppState;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const LONGEST_ID: usize = 128;

/// Ids of a request.
#[derive(Debug, Clone)]
pub struct RequestIds {
    /// `X-Request-Id`, the client's or ours: the correlation of everything that the request leads to.
    pub correlation: String,
    /// W3C trace context, if it is well-formed.
    pub traceparent: Option<String>,
}

/// A request that is being answered. It is counted out also where its client goes away and nobody waits for the end.
struct InFlight;

impl InFlight {
    fn count() -> Self {
        metrics::gauge!("opstella_http_requests_in_flight").increment(1.0);
        Self
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        metrics::gauge!("opstella_http_requests_in_flight").decrement(1.0);
    }
}

/// Answers one request within its span and its limits.
///
/// # Errors
/// None that is not an answer already.
pub async fn observe(
    state: web::Data<AppState>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let ids = ids(request.headers());
    let method = method_label(request.method().as_str());
    let (id, path) = (ids.correlation.clone(), request.path().to_owned());
    let span = tracing::info_span!(
        "request",
        request_id = %id,
        method,
        path = %path,
        traceparent = ids.traceparent.as_deref(),
    );
    let refusal = check_head(&state, &request);
    let limit = time_limit(&state, &request);
    request.extensions_mut().insert(ids);
    let trusted = &state.config.server.trusted_proxies;
    if let Some(address) = ClientAddress::find(request.peer_addr(), request.headers(), trusted) {
        request.extensions_mut().insert(address);
    }
    let in_flight = InFlight::count();
    let answer = async {
        let result = match refusal {
            Some(problem) => Err(problem.into()),
            None => match tokio::time::timeout(limit, next.call(request)).await {
                Ok(result) => result.map(ServiceResponse::map_into_boxed_body),
                Err(_) => Err(timed_out(limit).into()),
            },
        };
        // Here, where problems know the request that they answer.
        let result = fallback::only_problems(result).map_err(|error| {
            let response = error.error_response();
            (error, response)
        });
        let status = match &result {
            Ok(response) => response.status(),
            Err((_, response)) => response.status(),
        };
        tracing::info!(
            status = status.as_u16(),
            ms = started.elapsed().as_millis() as u64,
            "answered"
        );
        (result, status)
    };
    let request = CurrentRequest { id: id.clone(), path };
    let (result, status) = current::within(request, answer).instrument(span).await;
    drop(in_flight);
    let route = match &result {
        Ok(response) => response.request().match_pattern(),
        Err(_) => None,
    };
    let route = route.unwrap_or_else(|| "none".to_owned());
    let labels = [
        ("route", route),
        ("method", method.to_owned()),
        ("status", status.as_u16().to_string()),
    ];
    metrics::counter!("opstella_http_requests_total", &labels).increment(1);
    let [route, method, _] = labels;
    metrics::histogram!("opstella_http_request_seconds", &[route, method])
        .record(started.elapsed().as_secs_f64());
    match result {
        Ok(mut response) => {
            harden(response.headers_mut(), &id);
            Ok(response)
        }
        Err((error, mut response)) => {
            harden(response.headers_mut(), &id);
            Err(InternalError::from_response(error, response).into())
        }
    }
}

fn harden(headers: &mut HeaderMap, id: &str) {
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(
        HeaderName::from_static("x-content-type-options"),
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        HeaderName::from_static("x-frame-options"),
        HeaderValue::from_static("DENY"),
    );
    if !headers.contains_key("cache-control") {
        headers.insert(
            HeaderName::from_static("cache-control"),
            HeaderValue::from_static("no-store"),
        );
    }
}

fn ids(headers: &HeaderMap) -> RequestIds {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let correlation = text("x-request-id")
        .filter(|id| {
            !id.is_empty()
                && id.len() <= LONGEST_ID
                && id
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_.:/".contains(&b))
        })
        .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned);
    RequestIds {
        correlation,
        traceparent: text("traceparent")
            .filter(|t| is_traceparent(t))
            .map(str::to_owned),
    }
}

/// `00-<32 hex>-<16 hex>-<2 hex>`, ids not all zero.
fn is_traceparent(text: &str) -> bool {
    let hex = |part: &str, length: usize| {
        part.len() == length
            && part
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let parts: Vec<&str> = text.split('-').collect();
    let [version, trace, span, flags] = parts.as_slice() else {
        return false;
    };
    let zero = |part: &str| part.bytes().all(|b| b == b'0');
    *version == "00" && hex(trace, 32) && hex(span, 16) && hex(flags, 2) && !zero(trace) && !zero(span)
}

fn check_head(state: &AppState, request: &ServiceRequest) -> Option<Problem> {
    let limits = &state.config.limits;
    let path = request.uri().path_and_query().map_or(0, |p| p.as_str().len());
    if path > limits.path_bytes {
        let detail = format!(
            "path and query have {path} bytes, at most {} are taken",
            limits.path_bytes
        );
        let rule = format!("path and query have at most {} bytes together", limits.path_bytes);
        return Some(Problem::new(ProblemKind::PathTooLong, detail).field("path", rule, None));
    }
    let headers: usize = request
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    (headers > limits.header_bytes).then(|| {
        let detail = format!(
            "the headers have {headers} bytes, at most {} are taken",
            limits.header_bytes
        );
        let rule = format!(
            "names and values have at most {} bytes together",
            limits.header_bytes
        );
        Problem::new(ProblemKind::HeadersTooLarge, detail).field("headers", rule, None)
    })
}

fn time_limit(state: &AppState, request: &ServiceRequest) -> Duration {
    let wait = prefer_wait(request.headers(), state.config.limits.wait_seconds).unwrap_or_default();
    Duration::from_secs(state.config.limits.request_timeout_seconds) + wait
}

fn timed_out(limit: Duration) -> Problem {
    let detail = format!("the request was not answered within {} s", limit.as_secs());
    Problem::new(ProblemKind::Timeout, detail)
        .hint("a command may have been carried out all the same: send it again with the same Idempotency-Key")
}

/// Methods that anybody may make up do not become metrics.
fn method_label(method: &str) -> &'static str {
    match method {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::is_traceparent;

    #[test]
    fn trace_contexts_are_checked() {
        assert!(is_traceparent(
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        ));
        for wrong in [
            "",
            "00-0-0-0",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        ] {
            assert!(!is_traceparent(wrong), "{wrong}");
        }
    }
}
