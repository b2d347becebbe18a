//! What a command takes from the head of its request.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::HeaderMap;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use opstella_commands::{CommandContext, IdempotencyKey};
use opstella_domain::{InvalidValue, Subject};

use super::etag;
use super::observe::RequestIds;
use crate::auth::Caller;
use crate::problem::Problem;
use crate::state::AppState;

const LONGEST_KEY: usize = 255;

/// Who sends a command, under which key, against which version, and how long they wait for its run.
#[derive(Debug, Clone)]
pub struct CommandHead {
    /// Who.
    pub caller: Caller,
    /// How long to wait for the run to end (`Prefer: wait`).
    pub wait: Option<Duration>,
    ids: RequestIds,
    key: Option<String>,
    expected_version: Option<u64>,
}

impl CommandHead {
    /// Whoever sends the command, for a field that names nobody.
    pub fn caller_as(&self, field: &str) -> Result<Subject, Problem> {
        let subject = self.caller.actor.subject.parse();
        subject.map_err(|error: InvalidValue| {
            Problem::invalid_field(field, error.rule, Some(error.value.into()))
        })
    }

    /// The context of a command with this body.
    pub fn context(&self, fingerprint: &str, reason: Option<&str>) -> CommandContext {
        CommandContext {
            actor: self.caller.actor.clone(),
            grants: Arc::clone(&self.caller.grants),
            correlation: self.ids.correlation.clone(),
            causation: None,
            traceparent: self.ids.traceparent.clone(),
            reason: reason.map(str::to_owned),
            idempotency: self.key.clone().map(|key| IdempotencyKey {
                key,
                fingerprint: fingerprint.to_owned(),
            }),
            expected_version: self.expected_version,
        }
    }
}

impl FromRequest for CommandHead {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read(request))
    }
}

fn read(request: &HttpRequest) -> Result<CommandHead, Problem> {
    let longest_wait = request
        .app_data::<web::Data<AppState>>()
        .map_or(60, |state| state.config.limits.wait_seconds);
    let ids = request.extensions().get::<RequestIds>().cloned();
    Ok(CommandHead {
        caller: Caller::of(request)?,
        wait: prefer_wait(request.headers(), longest_wait),
        ids: ids.unwrap_or_else(|| RequestIds {
            correlation: String::new(),
            traceparent: None,
        }),
        key: idempotency_key(request.headers())?,
        expected_version: etag::if_match(request.headers())?,
    })
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all("idempotency-key");
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let shown = String::from_utf8_lossy(value.as_bytes()).into_owned();
    let visible = shown.bytes().all(|b| (0x21..=0x7e).contains(&b));
    if values.next().is_some() || shown.is_empty() || shown.len() > LONGEST_KEY || !visible {
        let rule = format!("given once, 1 to {LONGEST_KEY} visible ASCII characters");
        return Err(Problem::parameter("Idempotency-Key", rule, &shown));
    }
    Ok(Some(shown))
}

/// `Prefer: wait=30`, bounded. A preference that cannot be read is no preference (RFC 7240).
pub(super) fn prefer_wait(headers: &HeaderMap, longest: u64) -> Option<Duration> {
    headers
        .get_all("prefer")
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split([',', ';']))
        .find_map(|preference| {
            let (name, value) = preference.split_once('=')?;
            if !name.trim().eq_ignore_ascii_case("wait") {
                return None;
            }
            value.trim().trim_matches('"').parse::<u64>().ok()
        })
        .map(|seconds| Duration::from_secs(seconds.min(longest)))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        headers
    }

    #[test]
    fn waiting_is_bounded() {
        for (text, seconds) in [
            ("wait=30", Some(30)),
            ("respond-async, wait=5", Some(5)),
            ("Wait=\"7\"", Some(7)),
            ("wait=9999999", Some(60)),
            ("wait=soon", None),
            ("handling=strict", None),
        ] {
            let wait = prefer_wait(&headers("prefer", text), 60);
            assert_eq!(wait.map(|w| w.as_secs()), seconds, "{text}");
        }
    }

    #[test]
    fn keys_are_visible_ascii() {
        assert!(idempotency_key(&headers("idempotency-key", "a-1")).is_ok());
        for wrong in ["", "a b", "\u{1}"] {
            let Ok(value) = HeaderValue::from_str(wrong) else {
                continue;
            };
            let mut map = HeaderMap::new();
            map.insert(HeaderName::from_static("idempotency-key"), value);
            assert!(idempotency_key(&map).is_err(), "{wrong:?}");
        }
    }
}
