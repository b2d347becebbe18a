//! One call in the making.

use futures::StreamExt;
use reqwest::{Method, RequestBuilder, Response};
use secrecy::ExposeSecret;
use serde::Serialize;
use tracing::Instrument;

use super::classify::{broken, from_status};
use super::{Answer, Credential, ToolHttp};
use crate::StepError;

/// Largest answer that is read, in bytes.
pub(crate) const MAX_ANSWER: usize = 8 << 20;

/// One call in the making.
pub struct Call {
    http: ToolHttp,
    method: Method,
    path: String,
    request: RequestBuilder,
}

impl Call {
    pub(super) fn new(http: ToolHttp, method: Method, path: String) -> Self {
        let request = http
            .client
            .request(method.clone(), format!("{}{path}", http.base));
        let request = match &http.credential {
            Credential::Header(name, value) => request.header(*name, value.expose_secret()),
            Credential::Bearer(token) => request.bearer_auth(token.expose_secret()),
            Credential::Basic { user, password } => request.basic_auth(user, Some(password.expose_secret())),
        };
        Self {
            http,
            method,
            path,
            request,
        }
    }

    /// Query parameters.
    #[must_use]
    pub fn query<T: Serialize + ?Sized>(mut self, pairs: &T) -> Self {
        self.request = self.request.query(pairs);
        self
    }

    /// A JSON body.
    #[must_use]
    pub fn json<T: Serialize + ?Sized>(mut self, body: &T) -> Self {
        self.request = self.request.json(body);
        self
    }

    /// A form body.
    #[must_use]
    pub fn form<T: Serialize + ?Sized>(mut self, body: &T) -> Self {
        self.request = self.request.form(body);
        self
    }

    /// A header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// Sends it. An answer below 500 comes back whatever its status, except 401, 408, 425, 429 and a 404 that is not the
    /// tool's own; the adapter knows what 404 and 409 mean to it.
    ///
    /// # Errors
    /// [`StepError`]: `Transient` for whatever may pass, `Unauthorised` for 401.
    pub async fn send(self) -> Result<Answer, StepError> {
        let (tool, what) = (self.http.tool, format!("{} {}", self.method, self.path));
        let span = tracing::debug_span!("call", %tool, call = %what, status = tracing::field::Empty);
        let send = async {
            let response = self
                .request
                .send()
                .await
                .map_err(|error| broken(tool, &what, &error))?;
            tracing::Span::current().record("status", response.status().as_u16());
            let status = response.status();
            let headers = response.headers().clone();
            let body = read(response).await.map_err(|reason| StepError::Transient {
                message: format!(
                    "{tool}: the answer to {what} broke off: {reason}; it may have been carried out"
                ),
                retry_after: None,
            })?;
            let answer = Answer {
                tool,
                what: what.clone(),
                status,
                headers,
                body: body.into(),
            };
            from_status(&answer).map_or(Ok(answer), Err)
        };
        send.instrument(span).await
    }
}

async fn read(response: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| error.without_url().to_string())?;
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(format!("it is larger than {MAX_ANSWER} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
