//! What all calls to the API server have in common.
//!
//! Requests are sent raw and answers are read here: that keeps Retry-After, which kube's own error drops, and keeps
//! bodies out of its logs, which show those that do not parse; a Secret may be among them.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Request};
use http_body_util::{BodyExt, Limited};
use kube::{Client, Config};
use opstella_domain::Tool;
use opstella_domain::tool_connection::Connection;
use secrecy::{ExposeSecret, SecretString};
use tracing::Instrument;

use super::Kubernetes;
use crate::StepError;
use crate::http::{Answer, MAX_ANSWER, install_tls};

const CONNECT: Duration = Duration::from_secs(5);
const WHOLE: Duration = Duration::from_secs(30);

/// A request as kube builds it.
pub(super) type Built = Result<Request<Vec<u8>>, kube::core::request::Error>;

/// The client of a connection.
pub(super) fn client(connection: &Connection, credential: &SecretString) -> Result<Client, StepError> {
    let permanent = |message: String| StepError::Permanent { message };
    if tokio::runtime::Handle::try_current().is_err() {
        // kube would panic.
        return Err(permanent("Kubernetes: connected outside of a runtime".into()));
    }
    install_tls();
    let url = connection.url.as_str().parse::<http::Uri>();
    let mut config = Config::new(url.map_err(|error| {
        permanent(format!(
            "Kubernetes: {} is no URL: {error}",
            connection.url.as_str()
        ))
    })?);
    config.connect_timeout = Some(CONNECT);
    config.default_retry = false; // the engine retries, and within the limits of the tool
    config.headers = vec![(
        HeaderName::from_static("user-agent"),
        HeaderValue::from_static(concat!("opstella/", env!("CARGO_PKG_VERSION"))),
    )];
    // A token that was read from a file often ends with a line break, which no header can hold.
    config.auth_info.token = Some(SecretString::from(credential.expose_secret().trim()));
    Client::try_from(config).map_err(|error| match error {
        kube::Error::Auth(_) => StepError::Unauthorised {
            message: "Kubernetes: our credential is no bearer token: renew it, then retry the step".into(),
        },
        error => permanent(format!("Kubernetes: no HTTP client: {}", innermost(&error))),
    })
}

impl Kubernetes {
    /// Sends a request. An answer below 500 comes back whatever its status, except 401, 408, 425, 429
    /// and a 404 that is not its own.
    pub(super) async fn send(&self, request: Built) -> Result<Answer, StepError> {
        self.exchange(request).await?.classed()
    }

    /// Sends a request. An answer comes back whatever its status: it may be somebody else's than the API server's.
    pub(super) async fn exchange(&self, request: Built) -> Result<Answer, StepError> {
        let request = request.map_err(|error| StepError::Permanent {
            message: format!("Kubernetes: no request: {error}"),
        })?;
        let what = format!("{} {}", request.method(), request.uri().path());
        let span = tracing::debug_span!("call", tool = %Tool::Kubernetes, call = %what, status = tracing::field::Empty);
        let exchange = async {
            let sent = self.client.send(request.map(Into::into)).await;
            let response = sent.map_err(|error| innermost(&error))?;
            let (head, body) = response.into_parts();
            tracing::Span::current().record("status", head.status.as_u16());
            let body = Limited::new(body, MAX_ANSWER).collect().await;
            let body = body.map_err(|error| innermost(error.as_ref()))?;
            Ok::<_, String>((head, body.to_bytes()))
        };
        match tokio::time::timeout(WHOLE, exchange.instrument(span)).await {
            Ok(Ok((head, body))) => Ok(Answer::of(
                Tool::Kubernetes,
                what,
                head.status,
                head.headers,
                body,
            )),
            Ok(Err(cause)) => Err(broken(&what, &cause)),
            Err(_) => Err(broken(&what, "no answer in time")),
        }
    }
}

/// A call that got no whole answer. Whether the server did the work is not known.
fn broken(what: &str, cause: &str) -> StepError {
    StepError::Transient {
        message: format!(
            "Kubernetes: {what}: {cause}; check that the API server runs and is reachable; it may have carried it out"
        ),
        retry_after: None,
    }
}

/// The innermost cause: the outer ones only say that something went wrong.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
