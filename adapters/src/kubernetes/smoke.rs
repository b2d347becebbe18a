//! Whether a component answers on its health endpoint, asked by way of the API server's proxy to its `Service`.

use http::StatusCode;
use kube::core::request::Error;
use opstella_domain::naming::KubernetesName;
use opstella_domain::operation::Operation;
use opstella_domain::resource::{Provenance, StepOutcome};
use serde::Deserialize;

use super::place::Place;
use super::{Kubernetes, outcome};
use crate::StepError;
use crate::http::{Answer, segment};

const KIND: &str = "health endpoint";
/// What the port of a component's `Service` is called.
const PORT: &str = "http";

/// Which endpoint is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Check<'a> {
    namespace: &'a KubernetesName,
    service: &'a KubernetesName,
    path: &'a str,
}

impl<'a> Check<'a> {
    /// The check of an operation, if it is one.
    pub(super) fn of(operation: &'a Operation) -> Option<Self> {
        match operation {
            Operation::KubernetesSmoke {
                namespace,
                service,
                path,
            } => Some(Self {
                namespace,
                service,
                path,
            }),
            _ => None,
        }
    }
}

/// What the API server's own refusals are.
#[derive(Deserialize)]
struct Refusal {
    kind: String,
}

/// Whether the API server answers itself, and not the component behind it.
fn is_api_servers(answer: &Answer) -> bool {
    let refusal = serde_json::from_slice::<Refusal>(&answer.body);
    refusal.is_ok_and(|refusal| refusal.kind == "Status")
}

impl Kubernetes {
    pub(super) async fn ensure_answers(&self, check: Check<'_>) -> Result<StepOutcome, StepError> {
        let Check {
            namespace,
            service,
            path,
        } = check;
        let path = path.trim_start_matches('/');
        let proxy = format!(
            "/api/v1/namespaces/{}/services/{}:{PORT}/proxy/{path}",
            segment(namespace.as_str()),
            segment(service.as_str())
        );
        let request = http::Request::get(proxy).body(Vec::new());
        let answer = self.exchange(request.map_err(Error::BuildRequest)).await?;
        if !answer.status.is_success() {
            return Err(why_not(check, answer));
        }
        let place = Place::within(namespace.as_str(), service.as_str());
        Ok(outcome(KIND, &place, Provenance::Existing))
    }
}

/// What it means that there is no 2xx. Pods come and go while a rollout ends: that nothing runs behind the `Service`,
/// or that it is not there, passes. What the component itself says does not, unless it says that it is not ready.
fn why_not(check: Check<'_>, answer: Answer) -> StepError {
    let Check {
        namespace,
        service,
        path,
    } = check;
    let (status, text, own) = (answer.status, answer.error_text(), is_api_servers(&answer));
    let passing = status == StatusCode::SERVICE_UNAVAILABLE
        || (own && (status == StatusCode::NOT_FOUND || status.is_server_error()));
    if passing {
        return StepError::Transient {
            message: format!(
                "Kubernetes: `{namespace}/{service}` does not answer on {path} yet: {status}: {text}"
            ),
            retry_after: None,
        };
    }
    // The API server's limits and its opinion of our credential, which may come without a `Status`.
    if own || status == StatusCode::TOO_MANY_REQUESTS {
        return match answer.classed() {
            Ok(answer) => answer.refused(),
            Err(error) => error,
        };
    }
    StepError::Permanent {
        message: format!(
            "Kubernetes: the component `{namespace}/{service}` does not answer on its health endpoint: GET {path} \
             answered {status}: {text}; look at its logs"
        ),
    }
}
