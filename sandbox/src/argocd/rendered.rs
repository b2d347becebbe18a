//! What an application's repository says is to run: the part of `kustomize build` that the stand-in looks at.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::text;
use crate::GitLab;
use crate::gitlab::Checkout;

/// How far overlays may stand on each other.
const DEPTH: usize = 5;

/// What is to run, as of a commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rendered {
    pub(super) revision: String,
    /// With tag and digest, sorted.
    pub(super) images: BTreeSet<String>,
    /// Names of the `Service`s.
    pub(super) services: BTreeSet<String>,
}

/// Renders what an application names, at a revision or at its target; or why it cannot be. Without a GitLab every
/// repository is there and says nothing.
pub(super) fn render(
    gitlab: Option<&Arc<GitLab>>,
    application: &Value,
    revision: Option<&str>,
) -> Result<Rendered, String> {
    let url = text(application, "/spec/source/repoURL");
    let target = match revision.unwrap_or(text(application, "/spec/source/targetRevision")) {
        "" => "HEAD",
        target => target,
    };
    let Some(gitlab) = gitlab else {
        return Ok(Rendered {
            revision: commit(url, target),
            ..Rendered::default()
        });
    };
    let checkout = gitlab
        .checkout(url, target)
        .ok_or_else(|| format!("failed to list refs: repository not found: {url} at {target}"))?;
    let path = text(application, "/spec/source/path").trim_matches('/');
    if !checkout.has_folder(path) {
        return Err(format!("{path}: app path does not exist"));
    }
    let mut rendered = Rendered {
        revision: checkout.commit.clone(),
        ..Rendered::default()
    };
    build(&checkout, path, &mut rendered, DEPTH)?;
    Ok(rendered)
}

/// The commit that a revision stands for where there is no repository: always the same for the same revision.
fn commit(url: &str, target: &str) -> String {
    if target.len() == 40 && target.bytes().all(|b| b.is_ascii_hexdigit()) {
        return target.to_owned();
    }
    hex::encode(Sha256::digest(format!("{url}@{target}").as_bytes()))
        .chars()
        .take(40)
        .collect()
}

fn build(checkout: &Checkout, folder: &str, rendered: &mut Rendered, depth: usize) -> Result<(), String> {
    let path = format!("{folder}/kustomization.yaml");
    // A folder of plain manifests.
    let Some(content) = checkout.text(&path) else {
        return Ok(());
    };
    let file: Value = yaml_serde::from_str(&content)
        .map_err(|error| format!("kustomize build {folder} failed: {path}: {error}"))?;
    let list = |field: &str| file.get(field).and_then(Value::as_array).into_iter().flatten();
    for resource in list("resources").filter_map(Value::as_str) {
        let at = joined(folder, resource);
        match checkout.text(&at) {
            Some(manifests) => rendered.services.extend(services(&manifests)),
            None if depth > 0 && checkout.has_folder(&at) => build(checkout, &at, rendered, depth - 1)?,
            None => {
                return Err(format!(
                    "kustomize build {folder} failed: no such resource: {resource}"
                ));
            }
        }
    }
    rendered.images.extend(list("images").map(image));
    Ok(())
}

/// An entry of `images` as the pod gets it: `newName:newTag@digest`.
fn image(entry: &Value) -> String {
    let name = match text(entry, "/newName") {
        "" => text(entry, "/name"),
        name => name,
    };
    let mut image = name.to_owned();
    for (field, sign) in [("/newTag", ':'), ("/digest", '@')] {
        let value = text(entry, field);
        if !value.is_empty() {
            image.push(sign);
            image.push_str(value);
        }
    }
    image
}

fn services(manifests: &str) -> Vec<String> {
    let documents = manifests
        .split("\n---")
        .filter_map(|d| yaml_serde::from_str::<Value>(d).ok());
    documents
        .filter(|document| text(document, "/kind") == "Service")
        .map(|document| text(&document, "/metadata/name").to_owned())
        .collect()
}

/// `deploy/dev` and `../base` make `deploy/base`.
fn joined(folder: &str, relative: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').collect();
    for part in relative
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
    {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
