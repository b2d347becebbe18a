//! The HTTP client of `openidconnect`, made of ours.

use openidconnect::{HttpRequest, HttpResponse, http};
use reqwest::Client;
use thiserror::Error;

use crate::issuer_http::{self, IssuerHttpError};

/// Why the provider did not answer.
#[derive(Debug, Error)]
pub(super) enum HttpError {
    #[error(transparent)]
    Issuer(#[from] IssuerHttpError),
    #[error("the answer cannot be read: {0}")]
    Answer(#[from] http::Error),
}

/// Sends one request.
async fn send(client: Client, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let (head, body) = request.into_parts();
    let response = client
        .request(head.method, head.uri.to_string())
        .headers(head.headers)
        .body(body)
        .send()
        .await
        .map_err(IssuerHttpError::from)?;
    let mut answer = http::Response::builder().status(response.status());
    if let Some(headers) = answer.headers_mut() {
        headers.clone_from(response.headers());
    }
    Ok(answer.body(issuer_http::body(response).await?)?)
}

/// What sends the requests of `openidconnect`.
pub(super) fn sender(client: &Client) -> impl Fn(HttpRequest) -> Sending + use<> {
    let client = client.clone();
    move |request| Box::pin(send(client.clone(), request))
}

/// An answer on its way.
type Sending = std::pin::Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send>>;
