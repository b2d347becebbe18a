//! Which failures are worth another try, and when.

use std::time::Duration;

use rand::RngExt;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// How often a request is sent at most.
pub(super) const TRIES: u32 = 5;
const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(8);
/// Longest that a server may ask to wait; it is not asked again after a longer pause.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether the same request may be answered otherwise in a moment. Every command carries an idempotency key, so that a
/// command whose outcome is unknown may be sent again too.
pub(super) fn may_pass(status: StatusCode, problem: &str) -> bool {
    match status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::INTERNAL_SERVER_ERROR
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => true,
        // Others change the same thing at the same time.
        StatusCode::CONFLICT => problem == "conflict",
        _ => false,
    }
}

/// What the server asks for in `Retry-After`, in seconds; nothing where it is longer than anybody waits.
pub(super) fn asked(headers: &HeaderMap) -> Result<Option<Duration>, Duration> {
    let seconds = headers
        .get(RETRY_AFTER)
        .and_then(|v| v.to_str().ok()?.parse().ok());
    match seconds.map(Duration::from_secs) {
        Some(pause) if pause > PATIENCE => Err(pause),
        other => Ok(other),
    }
}

/// The pause after this many tries: twice as long each time, with jitter, never shorter than asked for.
pub(super) fn pause(tries: u32, asked: Option<Duration>) -> Duration {
    let full = FIRST
        .saturating_mul(1 << tries.saturating_sub(1).min(10))
        .min(LONGEST);
    let jittered = full.mul_f64(rand::rng().random_range(0.5..1.0));
    jittered.max(asked.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_obey_the_server() {
        for tries in 1..40 {
            let pause = pause(tries, None);
            assert!(pause >= FIRST / 2 && pause <= LONGEST, "{tries}: {pause:?}");
        }
        assert_eq!(pause(1, Some(Duration::from_secs(3))), Duration::from_secs(3));
    }

    #[test]
    fn refusals_are_final() {
        assert!(!may_pass(StatusCode::CONFLICT, "name-taken"));
        assert!(may_pass(StatusCode::CONFLICT, "conflict"));
        assert!(!may_pass(StatusCode::FORBIDDEN, "forbidden"));
        assert!(!may_pass(StatusCode::NOT_IMPLEMENTED, ""));
    }
}
