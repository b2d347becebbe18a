//! HTTP to the issuer of the tokens: no redirects, a time limit, bounded answers.

use std::time::Duration;

use futures::StreamExt;
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use thiserror::Error;

/// Largest answer that is read.
const LARGEST: usize = 1 << 20;

/// Why the issuer did not answer.
#[derive(Debug, Error)]
pub(crate) enum IssuerHttpError {
    #[error("{0}")]
    Request(String),
    #[error("the answer has more than {LARGEST} bytes")]
    TooLarge,
}

impl From<reqwest::Error> for IssuerHttpError {
    fn from(error: reqwest::Error) -> Self {
        // Without its address, and with its cause.
        let error = error.without_url();
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        Self::Request(format!("{error}{}", cause.unwrap_or_default()))
    }
}

/// A client that does not follow redirects and does not wait for long.
pub(crate) fn client(timeout: Duration) -> Result<Client, reqwest::Error> {
    Client::builder()
        .timeout(timeout)
        .redirect(Policy::none())
        .build()
}

/// Reads an answer's body.
pub(crate) async fn body(response: Response) -> Result<Vec<u8>, IssuerHttpError> {
    let mut bytes = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk?;
        if bytes.len() + chunk.len() > LARGEST {
            return Err(IssuerHttpError::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
