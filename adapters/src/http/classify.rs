//! What a failure means.

use std::time::Duration;

use chrono::{DateTime, Utc};
use http::{HeaderMap, StatusCode, header};
use opstella_domain::Tool;

use super::Answer;
use crate::StepError;

/// A call that got no answer. Whether the tool did the work is not known.
pub(super) fn broken(tool: Tool, what: &str, error: &reqwest::Error) -> StepError {
    let reason = if error.is_connect() {
        "no connection; check that the tool runs and is reachable"
    } else if error.is_timeout() {
        "no answer in time; it may have been carried out"
    } else {
        "the connection broke; it may have been carried out"
    };
    let cause = innermost(error);
    StepError::Transient {
        message: format!("{tool}: {what}: {reason} ({cause})"),
        retry_after: None,
    }
}

/// The innermost cause: the outer ones repeat the URL.
pub(crate) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// The failure that a status means by itself, whatever was asked.
pub(super) fn from_status(answer: &Answer) -> Option<StepError> {
    let Answer {
        tool,
        what,
        status,
        headers,
        ..
    } = answer;
    if *status == StatusCode::UNAUTHORIZED {
        return Some(StepError::Unauthorised {
            message: format!(
                "{tool} does not take our credential ({what} answered 401): renew it, then retry the step"
            ),
        });
    }
    let passing = matches!(
        *status,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
    );
    if passing || status.is_server_error() {
        return Some(StepError::Transient {
            message: format!("{tool}: {what} answered {status}: {}", answer.error_text()),
            retry_after: retry_after(headers, Utc::now()),
        });
    }
    super::absent::from_elsewhere(answer)
}

/// RFC 9110, section 10.2.3: seconds, or an HTTP date.
pub(crate) fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::parse_from_rfc2822(value).ok()?;
    (date.with_timezone(&Utc) - now).to_std().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = "2026-11-24T10:00:00Z".parse().unwrap();
        let of = |text: &'static str| {
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, http::HeaderValue::from_static(text))]);
            retry_after(&headers, now)
        };
        assert_eq!(of("7"), Some(Duration::from_secs(7)));
        assert_eq!(of("Tue, 24 Nov 2026 10:00:30 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(of("Tue, 24 Nov 2026 09:00:00 GMT"), None);
        assert_eq!(of("soon"), None);
    }
}
