//! Talking to the server: requests with retries, pages, and streams of events.

mod api;
mod body;
mod problem;
mod request;
mod retry;
mod server;
mod sse;
mod stream;

pub(crate) use api::Api;
pub(crate) use body::read as read_body;
pub use problem::Problem;
pub(crate) use request::Request;
pub(crate) use server::ServerUrl;
pub(crate) use stream::{Followed, RunEvents};

use std::time::Duration;

use crate::error::ClientError;

/// Longest that connecting may take.
const CONNECT: Duration = Duration::from_secs(10);

/// A client that does not follow redirects: a token is for one server only.
pub(crate) fn client() -> Result<reqwest::Client, ClientError> {
    // Reached by every command that talks to anybody; a second call changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .connect_timeout(CONNECT)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("opstella-cli/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| ClientError::Usage(format!("no HTTP client can be made: {}", causes(&error))))
}

/// An error with what caused it, in one line, without the URL (it may hold a secret).
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = inner.source();
    }
    text
}
