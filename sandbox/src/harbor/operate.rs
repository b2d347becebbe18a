//! `/_sandbox/harbor/...`: what CI does with Docker's own protocol, which the stand-in does not speak.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::artifacts;
use super::store::Store;
use crate::admin::refuse;
use crate::{Reply, Request};

/// What `docker push` leaves, and the scanner after it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Push {
    project: String,
    /// Without the project's name.
    repository: String,
    digest: String,
    #[serde(default)]
    tags: Vec<String>,
    /// Digest of the image's configuration.
    config: Option<String>,
    /// The report as the API shows it; without, the scan found nothing.
    scan_overview: Option<Value>,
}

/// `POST /artifacts`.
pub(super) fn answer(store: &mut Store, request: &Request) -> Option<Reply> {
    if request.method != Method::POST || request.path != "/artifacts" {
        return None;
    }
    let push = match serde_json::from_slice::<Push>(&request.body) {
        Ok(push) => push,
        Err(error) => return Some(refuse(StatusCode::BAD_REQUEST, &error.to_string())),
    };
    let Some(pushed) = artifacts::push_all(store, &push.project, &push.repository, &push.tags, &push.digest)
    else {
        let missing = format!("there is no project `{}`", push.project);
        return Some(refuse(StatusCode::NOT_FOUND, &missing));
    };
    if let Some(config) = &push.config {
        artifacts::configured(store, &pushed, config);
    }
    if let Some(overview) = push.scan_overview {
        artifacts::scanned(store, &pushed, overview);
    }
    let body = json!({ "repository": pushed.repository, "digest": pushed.digest });
    Some(Reply::json(StatusCode::CREATED, &body))
}
