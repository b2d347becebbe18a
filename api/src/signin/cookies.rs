//! The cookies: names and flags. Those of sign-ins under way are in `attempt.rs`.

use std::borrow::Cow;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::cookie::time;
use actix_web::cookie::{Cookie, SameSite};
use url::Url;

use super::secret::Secret;
use crate::config::is_plain_loopback;

/// How long a sign-in may take.
pub(super) const SIGN_IN_WITHIN: Duration = Duration::from_secs(600);

/// Names and flags of the cookies.
#[derive(Debug, Clone)]
pub struct Cookies {
    secure: bool,
    lifetime: Duration,
}

impl Cookies {
    /// Secure, unless people reach Opstella by plain HTTP on their own machine.
    pub(super) fn of(public_url: &Url, lifetime: Duration) -> Self {
        Self {
            secure: !is_plain_loopback(public_url),
            lifetime,
        }
    }

    /// Name of the session's cookie. `__Host-` makes browsers hold it to this host, this path and TLS.
    pub fn session_name(&self) -> &'static str {
        if self.secure {
            "__Host-opstella"
        } else {
            "opstella"
        }
    }

    pub(super) fn attempt_prefix(&self) -> &'static str {
        if self.secure {
            "__Host-opstella-sign-in-"
        } else {
            "opstella-sign-in-"
        }
    }

    pub(super) fn session_of(&self, request: &HttpRequest) -> Option<Secret> {
        Secret::parse(request.cookie(self.session_name())?.value())
    }

    pub(super) fn session(&self, id: &Secret) -> Cookie<'static> {
        self.cookie(self.session_name(), id.expose(), self.lifetime)
    }

    /// What takes the session's cookie away.
    pub fn no_session(&self) -> Cookie<'static> {
        self.gone(self.session_name())
    }

    /// What takes all of our cookies away.
    pub fn none_of(&self, request: &HttpRequest) -> Vec<Cookie<'static>> {
        let attempts = self.attempts_of(request);
        let attempts = attempts.iter().map(|cookie| self.gone(cookie.name()));
        std::iter::once(self.no_session()).chain(attempts).collect()
    }

    /// What takes a cookie away.
    pub(super) fn gone(&self, name: &str) -> Cookie<'static> {
        self.cookie(name.to_owned(), "", Duration::ZERO)
    }

    pub(super) fn cookie(
        &self,
        name: impl Into<Cow<'static, str>>,
        value: &str,
        lifetime: Duration,
    ) -> Cookie<'static> {
        let seconds = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
        Cookie::build(name, value.to_owned())
            .path("/")
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Lax)
            .max_age(time::Duration::seconds(seconds))
            .finish()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_on_loopback_does_without_secure() {
        for (url, name) in [
            ("https://opstella.example.com", "__Host-opstella"),
            ("http://opstella.example.com", "__Host-opstella"),
            ("https://localhost", "__Host-opstella"),
            ("http://localhost:8080", "opstella"),
            ("http://127.0.0.1:8080", "opstella"),
            ("http://[::1]:8080", "opstella"),
            ("http://127.0.0.1.example.com", "__Host-opstella"),
        ] {
            let cookies = Cookies::of(&url.parse().unwrap(), Duration::from_secs(60));
            let cookie = cookies.session(&Secret::random()).to_string();
            assert!(cookie.starts_with(&format!("{name}=")), "{url}: {cookie}");
            assert_eq!(
                cookie.contains("; Secure"),
                name.starts_with("__Host-"),
                "{url}: {cookie}"
            );
            for part in ["; HttpOnly", "; SameSite=Lax", "; Path=/", "; Max-Age=60"] {
                assert!(cookie.contains(part), "{url}: {cookie}");
            }
            assert!(!cookie.contains("Domain"), "{url}: {cookie}");
        }
    }
}
