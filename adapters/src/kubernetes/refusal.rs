//! What the API server's refusals mean: they are `Status` objects, told apart by their reasons.

use http::StatusCode;
use kube::core::Status;
use kube::core::response::reason;

use super::place::Place;
use crate::StepError;
use crate::http::Answer;

/// Cause of a refusal to make something in a namespace that is being deleted.
const NAMESPACE_TERMINATING: &str = "NamespaceTerminating";

/// What a refusal says.
pub(super) enum Refusal {
    /// The object is not there.
    Absent,
    /// An object of this name is there.
    Taken,
    /// Anything else, classed.
    Other(StepError),
}

impl Refusal {
    /// Reads a refusal of a call about an object.
    pub(super) fn of(answer: &Answer, kind: &str, place: &Place<'_>) -> Self {
        // A refusal that is no `Status` is not the API server's: what a proxy does not find may well be there.
        let status: Status = match answer.json() {
            Ok(status) => status,
            Err(error) => return Self::Other(error),
        };
        let later = |why: &str| {
            Self::Other(StepError::Transient {
                message: format!("Kubernetes: the {kind} `{place}` {why}: {}", status.message),
                retry_after: None,
            })
        };
        let about = |name: &str| {
            status
                .details
                .as_ref()
                .is_some_and(|details| details.name == name)
        };
        let cause = |wanted: &str| {
            let mut causes = status.details.iter().flat_map(|details| &details.causes);
            causes.any(|cause| cause.reason == wanted)
        };
        if cause(NAMESPACE_TERMINATING) || status.reason == NAMESPACE_TERMINATING {
            return later("cannot be made while its namespace is being deleted");
        }
        match answer.status {
            StatusCode::NOT_FOUND if about(place.name) => Self::Absent,
            StatusCode::NOT_FOUND if place.namespace.is_some_and(about) => {
                Self::Other(StepError::Permanent {
                    message: format!(
                        "Kubernetes: the {kind} `{place}` cannot be made, its namespace is not there: retry the step \
                         that makes it (kubernetes.namespace) first"
                    ),
                })
            }
            StatusCode::CONFLICT if status.reason == reason::ALREADY_EXISTS => Self::Taken,
            StatusCode::CONFLICT => later("changed while we looked at it"),
            _ => Self::Other(answer.refused()),
        }
    }
}
