//! A sign-in under way. The browser keeps it, sealed, in a cookie of its own: whoever begins many takes nothing from others.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::cookie::Cookie;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::cookies::{Cookies, SIGN_IN_WITHIN};
use super::sealing::Sealer;
use super::secret::Secret;

/// Sign-ins that one browser may have under way, and what their cookies may take together: headers are limited.
const MOST: usize = 3;
const MOST_BYTES: usize = 4096;

/// What is kept while the browser is at the provider.
#[derive(Serialize, Deserialize)]
pub(super) struct Attempt {
    pub nonce: String,
    pub verifier: String,
    pub return_to: String,
    /// In microseconds since 1970.
    pub begun_at: u64,
}

impl Attempt {
    /// Sealed for the state that it belongs to, with its time in front: by that the oldest is told, and nothing else.
    pub fn seal(&self, sealer: &Sealer, state: &Secret) -> Option<String> {
        let sealed = sealer.seal(self, &state.digest())?;
        Some(format!("{}.{}", self.begun_at, URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// What a browser kept for this state; `None` where it is none of ours, of another state, or too old.
    pub fn open(text: &str, sealer: &Sealer, state: &Secret, now: u64) -> Option<Self> {
        let (_, sealed) = text.split_once('.')?;
        let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let attempt: Self = sealer.open(&sealed, &state.digest())?;
        let age = Duration::from_micros(now.saturating_sub(attempt.begun_at));
        (age < SIGN_IN_WITHIN).then_some(attempt)
    }
}

impl Cookies {
    /// What the browser kept for this state.
    pub(super) fn attempt_of(&self, request: &HttpRequest, state: &Secret) -> Option<String> {
        let cookie = request.cookie(&self.attempt_name(state))?;
        Some(cookie.value().to_owned())
    }

    /// What has the browser keep a sign-in, and forget the oldest of those that are too many.
    pub(super) fn attempt(
        &self,
        request: &HttpRequest,
        state: &Secret,
        sealed: &str,
    ) -> Vec<Cookie<'static>> {
        let mut bytes = sealed.len();
        let mut kept = 1;
        let mut cookies = vec![self.cookie(self.attempt_name(state), sealed, SIGN_IN_WITHIN)];
        for cookie in self.attempts_of(request) {
            (bytes, kept) = (bytes + cookie.value().len(), kept + 1);
            if kept > MOST || bytes > MOST_BYTES {
                cookies.push(self.gone(cookie.name()));
            }
        }
        cookies
    }

    /// What has the browser forget a sign-in.
    pub(super) fn no_attempt(&self, state: &Secret) -> Cookie<'static> {
        self.gone(&self.attempt_name(state))
    }

    /// The cookies of sign-ins under way, the newest first.
    pub(super) fn attempts_of(&self, request: &HttpRequest) -> Vec<Cookie<'static>> {
        let prefix = self.attempt_prefix();
        let mut all: Vec<Cookie<'static>> = match request.cookies() {
            Ok(cookies) => cookies
                .iter()
                .filter(|c| c.name().starts_with(prefix))
                .cloned()
                .collect(),
            Err(_) => Vec::new(),
        };
        let begun = |cookie: &Cookie<'_>| -> u64 {
            let time = cookie.value().split_once('.').map(|(time, _)| time.parse());
            time.and_then(Result::ok).unwrap_or_default()
        };
        all.sort_by_key(|cookie| std::cmp::Reverse(begun(cookie)));
        all
    }

    fn attempt_name(&self, state: &Secret) -> String {
        let id: String = state.derive("sign-in").chars().take(16).collect();
        format!("{}{id}", self.attempt_prefix())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn attempt(begun_at: u64, return_to: &str) -> Attempt {
        Attempt {
            nonce: "n".into(),
            verifier: "v".into(),
            return_to: return_to.into(),
            begun_at,
        }
    }

    #[test]
    fn it_opens_for_its_state_and_ten_minutes() {
        let (sealer, other) = (Sealer::new(None).unwrap(), Sealer::new(None).unwrap());
        let (state, another) = (Secret::random(), Secret::random());
        let begun_at = 1_000_000_000;
        let sealed = attempt(begun_at, "/x").seal(&sealer, &state).unwrap();
        let open = |sealer: &Sealer, state: &Secret, after: u64| {
            let now = begun_at + after * 1_000_000;
            Attempt::open(&sealed, sealer, state, now).map(|attempt| attempt.return_to)
        };
        assert_eq!(open(&sealer, &state, 599).as_deref(), Some("/x"));
        assert_eq!(open(&sealer, &state, 600), None);
        assert_eq!(open(&sealer, &another, 0), None);
        assert_eq!(open(&other, &state, 0), None);
        // A time that somebody changed does not make it younger.
        let younger = sealed.replacen("1000000000.", "9000000000.", 1);
        assert_ne!(younger, sealed);
        assert!(Attempt::open(&younger, &sealer, &state, begun_at + 600_000_000).is_none());
        assert!(Attempt::open("1000", &sealer, &state, begun_at).is_none());
    }

    /// A browser that begins to sign in again and again, and what it holds in the end.
    fn begun(many: u64, return_to: &str) -> Vec<Cookie<'static>> {
        let cookies = Cookies::of(
            &"https://opstella.example".parse().unwrap(),
            Duration::from_secs(60),
        );
        let sealer = Sealer::new(None).unwrap();
        let mut held: Vec<Cookie<'static>> = Vec::new();
        for time in 1..=many {
            let mut request = TestRequest::get();
            for cookie in &held {
                request = request.cookie(cookie.clone());
            }
            let (request, state) = (request.to_http_request(), Secret::random());
            let sealed = attempt(time, return_to).seal(&sealer, &state).unwrap();
            let set = cookies.attempt(&request, &state, &sealed);
            held.retain(|held| !set.iter().any(|cookie| cookie.name() == held.name()));
            held.extend(set.into_iter().filter(|cookie| !cookie.value().is_empty()));
        }
        held
    }

    #[test]
    fn a_browser_keeps_the_newest_few() {
        let held = begun(20, "/");
        let mut times: Vec<&str> = held
            .iter()
            .map(|c| c.value().split('.').next().unwrap())
            .collect();
        times.sort_unstable();
        assert_eq!(times, ["18", "19", "20"]);
        // Of long ones, fewer.
        let held = begun(20, &format!("/{}", "x".repeat(1999)));
        assert_eq!(held.len(), 1);
        assert!(held[0].value().len() < MOST_BYTES, "{}", held[0].value().len());
        let cookie = held[0].to_string();
        assert!(cookie.starts_with("__Host-opstella-sign-in-"), "{cookie}");
        for part in [
            "; HttpOnly",
            "; SameSite=Lax",
            "; Secure",
            "; Path=/",
            "; Max-Age=600",
        ] {
            assert!(cookie.contains(part), "{cookie}");
        }
    }
}
