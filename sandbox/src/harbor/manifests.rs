//! The registry's API, as far as manifests are read by it: `GET /v2/{project}/{repository}/manifests/{digest}`.

use http::StatusCode;
use serde_json::{Value, json};

use super::{Answer, Call};
use crate::Reply;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// The manifest of an artifact whose configuration is known; of others, as of unknown ones, there is none.
pub(super) fn get(call: &Call<'_>, project: &str, repository: &str, digest: &str) -> Answer {
    call.require(Some(project), "repository", "pull")?;
    let repository = call.store.repositories.get(&format!("{project}/{repository}"));
    let artifact = repository.and_then(|repository| repository.artifacts.get(digest));
    Ok(match artifact.and_then(|artifact| artifact.config.as_deref()) {
        Some(config) => Reply::json(StatusCode::OK, &manifest(config)),
        None => Reply::json(
            StatusCode::NOT_FOUND,
            &json!({"errors": [{"code": "MANIFEST_UNKNOWN", "message": format!("artifact {digest} not found")}]}),
        ),
    })
}

fn manifest(config: &str) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 1024},
        "layers": [],
    })
}
