//! `/_sandbox/argocd/...`: what happens in the cluster without Argo CD.

use std::collections::BTreeSet;

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::status::{compared, set_health, set_status};
use super::store::{Running, Store};
use crate::admin::refuse;
use crate::{Reply, Request};

/// How whatever runs an image is from now on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Judged {
    /// An image, or a part of its name such as the digest.
    #[serde(alias = "digest")]
    image: String,
    /// `Degraded`, for example; `Healthy` takes it back.
    health: String,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Override {
    images: BTreeSet<String>,
}

/// `POST`, `DELETE /images` and `POST /applications/NAME/images`.
pub(super) fn answer(store: &mut Store, request: &Request) -> Option<Reply> {
    let segments = request.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (&request.method, segments.as_slice()) {
        (&Method::POST, ["images"]) => Some(judge(store, request)),
        (&Method::DELETE, ["images"]) => {
            store.verdicts.clear();
            Some(Reply::empty(StatusCode::NO_CONTENT))
        }
        (&Method::POST, ["applications", name, "images"]) => Some(override_images(store, name, request)),
        _ => None,
    }
}

fn judge(store: &mut Store, request: &Request) -> Reply {
    let judged = match serde_json::from_slice::<Judged>(&request.body) {
        Ok(judged) if !judged.image.is_empty() => judged,
        Ok(_) => {
            return refuse(
                StatusCode::BAD_REQUEST,
                "`image` is empty: name an image or a digest",
            );
        }
        Err(error) => return refuse(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    store.judge(&judged.image, &judged.health, &judged.message);
    Reply::empty(StatusCode::NO_CONTENT)
}

/// Somebody puts other images into the cluster by hand.
fn override_images(store: &mut Store, name: &str, request: &Request) -> Reply {
    let sent = match serde_json::from_slice::<Override>(&request.body) {
        Ok(sent) => sent,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let Some(application) = store.applications.get_mut(name) else {
        let missing = format!("there is no application `{name}`");
        return refuse(StatusCode::NOT_FOUND, &missing);
    };
    let before = store.running.remove(name);
    let running = Running {
        services: before.as_ref().map(|r| r.services.clone()).unwrap_or_default(),
        compared: before.map_or_else(|| compared(application), |r| r.compared),
        images: sent.images,
        settles_in: 0,
        told: None,
    };
    // Argo CD watches the cluster: it knows at once that this is not what it deployed.
    let status = application.pointer("/status/sync").cloned();
    let mut sync = status.unwrap_or_else(|| json!({}));
    super::put(&mut sync, "status", json!("OutOfSync"));
    set_status(application, "sync", sync);
    set_status(application, "summary", json!({ "images": running.images }));
    set_health(application, "Healthy", "");
    store.running.insert(name.to_owned(), running);
    Reply::empty(StatusCode::NO_CONTENT)
}
