//! The HTTP client of `openidconnect`, made of ours: no redirects, a time limit, bounded answers.

use std::time::Duration;

use futures::StreamExt;
use openidconnect::{HttpRequest, HttpResponse, http};
use reqwest::Client;
use reqwest::redirect::Policy;
use thiserror::Error;

/// Largest answer that is read.
const LARGEST: usize = 1 << 20;

/// Why the provider did not answer.
#[derive(Debug, Error)]
pub(super) enum HttpError {
    #[error("{}", .0)]
    Request(String),
    #[error("the answer has more than {LARGEST} bytes")]
    TooLarge,
    #[error("the answer cannot be read: {0}")]
    Answer(#[from] http::Error),
}

impl From<reqwest::Error> for HttpError {
    fn from(error: reqwest::Error) -> Self {
        // Without its address, and with its cause.
        let error = error.without_url();
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        Self::Request(format!("{error}{}", cause.unwrap_or_default()))
    }
}

pub(super) fn client(timeout: Duration) -> Result<Client, reqwest::Error> {
    Client::builder()
        .timeout(timeout)
        .redirect(Policy::none())
        .build()
}

/// Sends one request.
async fn send(client: Client, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let (head, body) = request.into_parts();
    let response = client
        .request(head.method, head.uri.to_string())
        .headers(head.headers)
        .body(body)
        .send()
        .await?;
    let mut answer = http::Response::builder().status(response.status());
    if let Some(headers) = answer.headers_mut() {
        headers.clone_from(response.headers());
    }
    let mut bytes = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk?;
        if bytes.len() + chunk.len() > LARGEST {
            return Err(HttpError::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(answer.body(bytes)?)
}

/// What sends the requests of `openidconnect`.
pub(super) fn sender(client: &Client) -> impl Fn(HttpRequest) -> Sending + use<> {
    let client = client.clone();
    move |request| Box::pin(send(client.clone(), request))
}

/// An answer on its way.
type Sending = std::pin::Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send>>;
