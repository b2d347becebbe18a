//! An AppProject or an Application as the API shows it, and whose it is.
//!
//! Both are Kubernetes objects, so the mark is in their labels and annotations: the labels say whose it is, the
//! annotation which run made it. What another installation of Opstella labelled is somebody else's. They are read as plain JSON, so that an update keeps the fields that we do not know.

use opstella_domain::InstallationId;
use opstella_domain::resource::Provenance;
use serde_json::{Map, Value, json};

use super::merge::merge;
use crate::mark::Mark;
use crate::{Removal, StepContext};

const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
const MANAGER: &str = "opstella";
/// Which Opstella.
const INSTALLATION: &str = "opstella.io/installation";
const PROJECT: &str = "opstella.io/project";
const SERVICE: &str = "opstella.io/service";
const RUN: &str = "opstella.io/run";
/// Of what was there and was adopted: by which run. None made it.
const ADOPTED: &str = "opstella.io/adopted";

/// Whose it is, seen by a run of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ownership {
    /// A run of ours made it; the mark says which.
    Ours(Mark),
    /// It was there and was adopted; the mark says by which run, if that is known.
    Adopted(Mark),
    /// Somebody else's; of which other installation of Opstella, if its labels say so.
    Foreign(Option<InstallationId>),
}

impl Ownership {
    pub(super) fn is_foreign(&self) -> bool {
        matches!(self, Self::Foreign(_))
    }

    /// Whether this removal may take it.
    pub(super) fn allows(&self, context: &StepContext) -> bool {
        match (self, context.removal) {
            (Self::Ours(mark), Removal::ThisRun) => mark.is_of_run(context),
            (Self::Ours(_), Removal::Service) => true,
            _ => false,
        }
    }

    /// What it is to the context's run; none if it is somebody else's and stays so.
    pub(super) fn provenance(&self, context: &StepContext) -> Option<Provenance> {
        match self {
            Self::Ours(mark) | Self::Adopted(mark) => Some(mark.provenance(context)),
            Self::Foreign(_) => context.adopt.then_some(Provenance::Adopted),
        }
    }
}

/// The labels of what is ours.
fn labels(mark: &Mark) -> Value {
    let mut labels = json!({ MANAGED_BY: MANAGER, INSTALLATION: mark.installation, PROJECT: mark.project });
    if let (Some(labels), Some(service)) = (labels.as_object_mut(), &mark.service) {
        labels.insert(SERVICE.into(), json!(service));
    }
    labels
}

/// The metadata of a new one; its mark is in the creating call.
pub(super) fn metadata(name: &str, mark: &Mark) -> Value {
    let run = mark.run.map(|run| json!({ RUN: run.to_string() }));
    json!({ "name": name, "labels": labels(mark), "annotations": run.unwrap_or_else(|| json!({})) })
}

/// One that is there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Object(pub Value);

impl Object {
    /// Text at a JSON pointer; empty if there is none.
    pub(super) fn text(&self, pointer: &str) -> &str {
        self.0
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// Text in one of the metadata's maps.
    fn noted(&self, map: &str, key: &str) -> Option<&str> {
        self.0.get("metadata")?.get(map)?.get(key)?.as_str()
    }

    /// Whose it is, where one of ours would bear this mark. What no run made was adopted.
    pub(super) fn ownership(&self, mark: &Mark) -> Ownership {
        let label = |key: &str| self.noted("labels", key);
        if label(MANAGED_BY) != Some(MANAGER) {
            return Ownership::Foreign(None);
        }
        let installation = label(INSTALLATION).and_then(|id| id.parse().ok());
        if installation != Some(mark.installation)
            || label(PROJECT) != Some(&mark.project)
            || label(SERVICE) != mark.service.as_deref()
        {
            return Ownership::Foreign(installation.filter(|id| *id != mark.installation));
        }
        let adopted = self.noted("annotations", ADOPTED);
        let run = self.noted("annotations", RUN).filter(|_| adopted.is_none());
        let mark = Mark {
            run: run.and_then(|run| run.parse().ok()),
            adopted_by: adopted.and_then(|run| run.parse().ok()),
            ..mark.clone()
        };
        if mark.run.is_some() {
            Ownership::Ours(mark)
        } else {
            Ownership::Adopted(mark)
        }
    }

    /// Whether somebody deleted it and Argo CD is still at it.
    pub(super) fn is_being_deleted(&self) -> bool {
        !self.text("/metadata/deletionTimestamp").is_empty()
    }

    /// Sets our labels where they are not, and says of what is adopted by which run.
    pub(super) fn mark(&mut self, mark: &Mark, ownership: &Ownership) {
        let mut wanted = json!({ "labels": labels(mark) });
        if ownership.is_foreign() {
            // Another owner's run did not make it for us.
            let annotations = self.0.pointer_mut("/metadata/annotations");
            if let Some(annotations) = annotations.and_then(Value::as_object_mut) {
                annotations.remove(RUN);
            }
            let by = mark.run.map(|run| run.to_string()).unwrap_or_default();
            merge(&mut wanted, &json!({ "annotations": { ADOPTED: by } }));
        }
        merge(&mut self.0, &json!({ "metadata": wanted }));
    }

    /// Takes our marks off.
    pub(super) fn unmark(&mut self) {
        let marks = [
            ("/metadata/labels", MANAGED_BY),
            ("/metadata/labels", INSTALLATION),
            ("/metadata/labels", PROJECT),
            ("/metadata/labels", SERVICE),
            ("/metadata/annotations", ADOPTED),
        ];
        for (map, key) in marks {
            if let Some(map) = self.0.pointer_mut(map).and_then(Value::as_object_mut) {
                map.remove(key);
            }
        }
    }

    /// The fields of the spec.
    pub(super) fn spec(&mut self) -> Option<&mut Map<String, Value>> {
        self.0.get_mut("spec").and_then(Value::as_object_mut)
    }
}
