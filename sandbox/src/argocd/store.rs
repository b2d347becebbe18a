//! What an Argo CD holds, as its API shows it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::progress::Pending;
use super::{now, put, text};

/// What every installation comes with.
pub(super) const DEFAULT_PROJECT: &str = "default";

#[derive(Debug, Default)]
pub(super) struct Store {
    revision: u64,
    pub(super) projects: BTreeMap<String, Value>,
    pub(super) applications: BTreeMap<String, Value>,
    /// Syncs that are under way, by application.
    pub(super) pending: BTreeMap<String, Pending>,
    /// What runs in the cluster, by application.
    pub(super) running: BTreeMap<String, Running>,
    /// How whatever runs an image is, by a part of the image's name.
    pub(super) verdicts: BTreeMap<String, Verdict>,
}

/// What an application runs in the cluster.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) images: BTreeSet<String>,
    pub(super) services: BTreeSet<String>,
    /// From where to where it was deployed.
    pub(super) compared: Value,
    /// How many more looks find it in progress.
    pub(super) settles_in: u32,
    /// Its health, where a test said it.
    pub(super) told: Option<String>,
}

/// How something is.
#[derive(Debug, Clone)]
pub(super) struct Verdict {
    pub(super) health: String,
    pub(super) message: String,
}

impl Store {
    pub(super) fn fresh() -> Self {
        let mut store = Self::default();
        let anything = json!([{ "group": "*", "kind": "*" }]);
        let mut project = json!({
            "metadata": { "name": DEFAULT_PROJECT },
            "spec": { "sourceRepos": ["*"], "destinations": [{ "server": "*", "namespace": "*" }],
                      "clusterResourceWhitelist": anything },
        });
        store.identify(&mut project, None);
        store.projects.insert(DEFAULT_PROJECT.to_owned(), project);
        store
    }

    pub(super) fn revision(&self) -> String {
        self.revision.to_string()
    }

    /// Gives an object what the Kubernetes API behind it gives: identity, kept from `before`, and a version.
    pub(super) fn identify(&mut self, object: &mut Value, before: Option<&Value>) {
        self.revision += 1;
        let kept = |field: &str, fresh: Value| {
            before
                .and_then(|b| b.pointer(&format!("/metadata/{field}")))
                .cloned()
                .unwrap_or(fresh)
        };
        let generation = before
            .and_then(|b| b.pointer("/metadata/generation"))
            .and_then(Value::as_i64);
        let generation = generation.unwrap_or(0) + 1;
        let mut metadata = object.get("metadata").cloned().unwrap_or_default();
        put(&mut metadata, "namespace", json!("argocd"));
        put(
            &mut metadata,
            "uid",
            kept("uid", json!(uuid::Uuid::new_v4().to_string())),
        );
        put(
            &mut metadata,
            "creationTimestamp",
            kept("creationTimestamp", json!(now())),
        );
        put(&mut metadata, "generation", json!(generation));
        put(&mut metadata, "resourceVersion", json!(self.revision()));
        put(object, "metadata", metadata);
        // The gateway renders typed objects: these two are not part of them.
        if let Some(fields) = object.as_object_mut() {
            fields.remove("apiVersion");
            fields.remove("kind");
        }
    }

    pub(super) fn applications_of<'a>(&'a self, project: &'a str) -> impl Iterator<Item = &'a Value> {
        self.applications
            .values()
            .filter(move |a| project_of(a) == project)
    }

    pub(super) fn remove_application(&mut self, name: &str) {
        self.applications.remove(name);
        self.pending.remove(name);
        self.running.remove(name);
    }

    /// How whatever runs an image is from now on.
    pub(super) fn judge(&mut self, image: &str, health: &str, message: &str) {
        if health == "Healthy" {
            self.verdicts.remove(image);
            return;
        }
        let verdict = Verdict {
            health: health.to_owned(),
            message: message.to_owned(),
        };
        self.verdicts.insert(image.to_owned(), verdict);
    }

    /// Health and its message of what an application runs.
    pub(super) fn health(&self, running: &Running) -> (String, String) {
        if let Some(told) = &running.told {
            return (told.clone(), String::new());
        }
        if running.settles_in > 0 {
            let message = "Waiting for rollout to finish: 0 of 1 updated replicas are available...";
            return ("Progressing".to_owned(), message.to_owned());
        }
        let fits = |(part, _): &(&String, &Verdict)| running.images.iter().any(|image| image.contains(*part));
        match self.verdicts.iter().find(fits) {
            Some((_, verdict)) => (verdict.health.clone(), verdict.message.clone()),
            None => ("Healthy".to_owned(), String::new()),
        }
    }

    pub(super) fn summary(&self) -> Value {
        let projects: Vec<&String> = self.projects.keys().filter(|p| *p != DEFAULT_PROJECT).collect();
        let applications: Vec<&String> = self.applications.keys().collect();
        let mut kinds = Map::new();
        for (kind, names) in [("projects", projects), ("applications", applications)] {
            if !names.is_empty() {
                kinds.insert(kind.to_owned(), json!(names));
            }
        }
        Value::Object(kinds)
    }
}

/// An application's project; one that names none is in `default`.
pub(super) fn project_of(application: &Value) -> &str {
    match text(application, "/spec/project") {
        "" => DEFAULT_PROJECT,
        project => project,
    }
}

/// Whether two objects are the same as far as a client says: spec, labels, annotations, finalizers.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    let part = |object: &Value, pointer: &str| {
        let value = object.pointer(pointer).cloned().unwrap_or_default();
        let empty =
            value.as_object().is_some_and(Map::is_empty) || value.as_array().is_some_and(Vec::is_empty);
        if empty { Value::Null } else { value }
    };
    [
        "/spec",
        "/metadata/labels",
        "/metadata/annotations",
        "/metadata/finalizers",
    ]
    .iter()
    .all(|pointer| part(a, pointer) == part(b, pointer))
}
