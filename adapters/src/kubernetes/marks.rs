//! The ownership mark of an object: labels that say whose it is, and an annotation that says which run made it.
//!
//! The labels can be selected by (`kubectl get all -l opstella.io/service=checkout`). An adopted object has the labels
//! and no run. All labels count: one that another installation of Opstella marked is somebody else's.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use opstella_domain::operation::Owner;
use serde_json::{Value, json};

use super::MANAGER;
use crate::StepContext;
use crate::mark::Mark;

const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Which Opstella.
const INSTALLATION: &str = "opstella.io/installation";
const PROJECT: &str = "opstella.io/project";
const SERVICE: &str = "opstella.io/service";
/// Label of a namespace: for which environment it is.
pub(super) const ENVIRONMENT: &str = "opstella.io/environment";
/// Annotation: which run made it.
pub(super) const RUN: &str = "opstella.io/run";
/// Annotation of what was there and was adopted: by which run.
pub(super) const ADOPTED: &str = "opstella.io/adopted";

/// Adds the labels that say whose it is.
pub(super) fn own(meta: &mut ObjectMeta, owner: &Owner) {
    let labels = meta.labels.get_or_insert_default();
    labels.insert(MANAGED_BY.into(), MANAGER.into());
    labels.insert(INSTALLATION.into(), owner.installation.to_string());
    labels.insert(PROJECT.into(), owner.service.project.to_string());
    labels.insert(SERVICE.into(), owner.service.service.to_string());
}

/// Adds the annotation that says which run makes it.
pub(super) fn made(meta: &mut ObjectMeta, owner: &Owner) {
    let annotations = meta.annotations.get_or_insert_default();
    annotations.insert(RUN.into(), owner.run.to_string());
}

/// Takes over how another object came to be ours, to stand in its place.
pub(super) fn inherit(meta: &mut ObjectMeta, from: &ObjectMeta) {
    for key in [RUN, ADOPTED] {
        if let Some(value) = text(from.annotations.as_ref(), key) {
            let annotations = meta.annotations.get_or_insert_default();
            annotations.insert(key.into(), value.into());
        }
    }
}

/// The mark of an object; none if no Opstella made or adopted it.
pub(super) fn of(meta: &ObjectMeta) -> Option<Mark> {
    let labels = meta.labels.as_ref();
    text(labels, MANAGED_BY).filter(|by| *by == MANAGER)?;
    Some(Mark {
        installation: text(labels, INSTALLATION)?.parse().ok()?,
        project: text(labels, PROJECT)?.to_owned(),
        service: text(labels, SERVICE).map(str::to_owned),
        run: text(meta.annotations.as_ref(), RUN).and_then(|id| id.parse().ok()),
        adopted_by: text(meta.annotations.as_ref(), ADOPTED).and_then(|id| id.parse().ok()),
    })
}

/// The merge patch that takes the marks off an object that was adopted.
pub(super) fn off(meta: &ObjectMeta) -> Value {
    json!({ "metadata": {
        "resourceVersion": meta.resource_version,
        "labels": { MANAGED_BY: null, INSTALLATION: null, PROJECT: null, SERVICE: null, ENVIRONMENT: null },
        "annotations": { ADOPTED: null },
    } })
}

/// The mark of an object of the context's service.
pub(super) fn ours(meta: &ObjectMeta, context: &StepContext) -> Option<Mark> {
    of(meta).filter(|mark| mark.is_of_service(&context.owner))
}

fn text<'a>(map: Option<&'a BTreeMap<String, String>>, key: &str) -> Option<&'a str> {
    map?.get(key).map(String::as_str)
}
