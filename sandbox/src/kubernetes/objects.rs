//! The cluster's objects: defaults, validation, storage.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::kinds::{KINDS, Kind};
use super::owners::Owners;
use super::status::Status;

/// Plural with group, namespace (empty for the cluster's), name.
pub(super) type Key = (String, String, String);

/// An object and who owns its fields.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) object: Value,
    pub(super) owners: Owners,
    /// Made by the cluster itself.
    pub(super) builtin: bool,
}

#[derive(Debug, Default)]
pub(super) struct Store {
    revision: u64,
    pub(super) objects: BTreeMap<Key, Stored>,
}

const NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];
const CLUSTER_ROLES: [&str; 4] = ["admin", "cluster-admin", "edit", "view"];

pub(super) fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true)
}

pub(super) fn key(kind: &Kind, namespace: &str, name: &str) -> Key {
    (kind.resource(), namespace.to_owned(), name.to_owned())
}

pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The map under a key, made where it is missing.
pub(super) fn map<'a>(object: &'a mut Value, field: &str) -> Option<&'a mut Map<String, Value>> {
    let value = object.as_object_mut()?.entry(field).or_insert_with(|| json!({}));
    if value.is_null() {
        *value = json!({});
    }
    value.as_object_mut()
}

pub(super) fn set(object: &mut Value, part: &str, field: &str, value: Value) {
    if let Some(fields) = map(object, part) {
        fields.insert(field.to_owned(), value);
    }
}

impl Store {
    pub(super) fn fresh() -> Self {
        let mut store = Self::default();
        let kind = |plural| KINDS.iter().find(|k| k.plural == plural);
        if let Some(namespaces) = kind("namespaces") {
            for name in NAMESPACES {
                store.add_builtin(namespaces, "", name, json!({}));
            }
        }
        if let Some(roles) = kind("clusterroles") {
            for name in CLUSTER_ROLES {
                let verbs = if name == "view" {
                    json!(["get", "list", "watch"])
                } else {
                    json!(["*"])
                };
                let rule = json!({ "apiGroups": ["*"], "resources": ["*"], "verbs": verbs });
                store.add_builtin(roles, "", name, json!({ "rules": [rule] }));
            }
        }
        store
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn next_revision(&mut self) -> String {
        self.revision += 1;
        self.revision.to_string()
    }

    fn add_builtin(&mut self, kind: &Kind, namespace: &str, name: &str, mut object: Value) {
        set(&mut object, "metadata", "name", json!(name));
        // What the cluster itself makes is valid.
        if complete(kind, &mut object, None).is_ok() {
            self.insert(
                kind,
                namespace,
                name,
                Stored {
                    object,
                    owners: Owners::default(),
                    builtin: true,
                },
            );
        }
    }

    /// Stores a new object with its identity; a namespace brings what every namespace has.
    pub(super) fn insert(&mut self, kind: &Kind, namespace: &str, name: &str, mut stored: Stored) -> Value {
        let revision = self.next_revision();
        let object = &mut stored.object;
        set(object, "metadata", "name", json!(name));
        if kind.namespaced {
            set(object, "metadata", "namespace", json!(namespace));
        }
        set(object, "metadata", "uid", json!(uuid::Uuid::new_v4().to_string()));
        set(object, "metadata", "resourceVersion", json!(revision));
        set(object, "metadata", "creationTimestamp", json!(now()));
        finish(kind, &mut stored);
        let object = stored.object.clone();
        self.objects.insert(key(kind, namespace, name), stored);
        if kind.kind == "Namespace" {
            for made in KINDS {
                match made.kind {
                    "ServiceAccount" => self.add_builtin(made, name, "default", json!({})),
                    "ConfigMap" => {
                        let data = json!({ "data": { "ca.crt": "" } });
                        self.add_builtin(made, name, "kube-root-ca.crt", data);
                    }
                    _ => {}
                }
            }
        }
        object
    }

    /// Stores a changed object; one that did not change keeps its version.
    pub(super) fn replace(&mut self, kind: &Kind, key: &Key, mut stored: Stored) -> Value {
        let before = self.objects.get(key).map(|s| &s.object);
        let plain = |object: &Value| {
            let mut object = object.clone();
            if let Some(metadata) = map(&mut object, "metadata") {
                metadata.remove("managedFields");
                metadata.remove("resourceVersion");
            }
            object
        };
        let version = match before {
            Some(before) if plain(before) == plain(&stored.object) => {
                text(before, "/metadata/resourceVersion").to_owned()
            }
            _ => self.next_revision(),
        };
        set(&mut stored.object, "metadata", "resourceVersion", json!(version));
        finish(kind, &mut stored);
        let object = stored.object.clone();
        self.objects.insert(key.clone(), stored);
        object
    }

    /// Removes an object; a namespace takes along all that is in it.
    pub(super) fn remove(&mut self, kind: &Kind, key: &Key) {
        self.next_revision();
        self.objects.remove(key);
        if kind.kind == "Namespace" {
            self.objects.retain(|(_, namespace, _), _| *namespace != key.2);
        }
    }

    pub(super) fn summary(&self) -> Value {
        let mut kinds: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for ((resource, namespace, name), _) in self.objects.iter().filter(|(_, s)| !s.builtin) {
            let plural = resource.split('.').next().unwrap_or(resource).to_owned();
            let name = if namespace.is_empty() {
                name.clone()
            } else {
                format!("{namespace}/{name}")
            };
            kinds.entry(plural).or_default().push(name);
        }
        json!(kinds)
    }
}

fn finish(kind: &Kind, stored: &mut Stored) {
    let managed = stored.owners.render(&kind.api_version(), &now());
    if managed.as_array().is_some_and(|m| !m.is_empty()) {
        set(&mut stored.object, "metadata", "managedFields", managed);
    }
}

/// Fills in what the server fills in, and checks what it checks. `before` is the object that is replaced.
pub(super) fn complete(kind: &Kind, object: &mut Value, before: Option<&Value>) -> Result<(), Status> {
    let name = text(object, "/metadata/name").to_owned();
    let wrong = |field: &str, message: &str| Err(Status::invalid(kind, &name, field, message));
    let Some(fields) = object.as_object_mut() else {
        return Err(Status::bad_json());
    };
    fields.insert("apiVersion".to_owned(), json!(kind.api_version()));
    fields.insert("kind".to_owned(), json!(kind.kind));
    if let Some(why) = check_labels(object) {
        return wrong("metadata.labels", &why);
    }
    match kind.kind {
        "Namespace" => {
            if let Some(metadata) = map(object, "metadata") {
                let labels = metadata.entry("labels").or_insert_with(|| json!({}));
                if let Some(labels) = labels.as_object_mut() {
                    labels.insert("kubernetes.io/metadata.name".to_owned(), json!(name));
                }
            }
            set(object, "spec", "finalizers", json!(["kubernetes"]));
            set(object, "status", "phase", json!("Active"));
        }
        "ResourceQuota" => {
            let hard = object.pointer("/spec/hard").cloned().unwrap_or(json!({}));
            let zero = |(key, _): (&String, &Value)| (key.clone(), json!("0"));
            let used: Map<String, Value> = hard.as_object().into_iter().flatten().map(zero).collect();
            set(object, "status", "hard", hard);
            set(object, "status", "used", Value::Object(used));
        }
        "NetworkPolicy" => {
            if object.pointer("/spec/podSelector").is_none() {
                set(object, "spec", "podSelector", json!({}));
            }
            if object.pointer("/spec/policyTypes").is_none() {
                let egress = object.pointer("/spec/egress").is_some();
                let types = if egress {
                    json!(["Ingress", "Egress"])
                } else {
                    json!(["Ingress"])
                };
                set(object, "spec", "policyTypes", types);
            }
        }
        "LimitRange" => {
            let limits = object.pointer("/spec/limits").and_then(Value::as_array);
            for (index, limit) in limits.into_iter().flatten().enumerate() {
                if text(limit, "/type").is_empty() {
                    return wrong(&format!("spec.limits[{index}].type"), "Required value");
                }
            }
        }
        "Secret" => secret(kind, &name, object, before)?,
        "RoleBinding" | "ClusterRoleBinding" => {
            if text(object, "/roleRef/name").is_empty() {
                return wrong("roleRef.name", "Required value");
            }
            if !["Role", "ClusterRole"].contains(&text(object, "/roleRef/kind")) {
                return wrong(
                    "roleRef.kind",
                    "Unsupported value: supported values: \"Role\", \"ClusterRole\"",
                );
            }
            if text(object, "/roleRef/apiGroup").is_empty() {
                set(object, "roleRef", "apiGroup", json!(kind.group));
            }
            if before.is_some_and(|b| b.get("roleRef") != object.get("roleRef")) {
                return wrong("roleRef", "Invalid value: cannot change roleRef");
            }
            for subject in object
                .get_mut("subjects")
                .and_then(Value::as_array_mut)
                .into_iter()
                .flatten()
            {
                let group = if text(subject, "/kind") == "ServiceAccount" {
                    ""
                } else {
                    kind.group
                };
                if let (false, Some(fields)) = (group.is_empty(), subject.as_object_mut()) {
                    fields.entry("apiGroup").or_insert_with(|| json!(group));
                }
            }
        }
        _ => {}
    }
    Ok(())
}

fn check_labels(object: &Value) -> Option<String> {
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object)?;
    labels.iter().find_map(|(key, value)| {
        let Some(value) = value.as_str() else { return Some(format!("Invalid value: {key}: must be a string")) };
        let inner = |c: char| c.is_ascii_alphanumeric() || ['-', '_', '.'].contains(&c);
        let edge = |c: char| c.is_ascii_alphanumeric();
        let good = value.len() <= 63
            && value.chars().all(inner)
            && value.chars().next().is_none_or(edge)
            && value.chars().last().is_none_or(edge);
        (!good).then(|| {
            format!(
                "Invalid value: \"{value}\": a valid label must be an empty string or consist of alphanumeric \
                 characters, '-', '_' or '.', and must start and end with an alphanumeric character, at most 63"
            )
        })
    })
}

fn secret(kind: &Kind, name: &str, object: &mut Value, before: Option<&Value>) -> Result<(), Status> {
    let wrong = |field: &str, message: &str| Err(Status::invalid(kind, name, field, message));
    let plain = object
        .as_object_mut()
        .and_then(|fields| fields.remove("stringData"));
    for (key, value) in plain.as_ref().and_then(Value::as_object).into_iter().flatten() {
        let encoded = STANDARD.encode(value.as_str().unwrap_or_default());
        set(object, "data", key, json!(encoded));
    }
    for (key, value) in object
        .get("data")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        if value.as_str().is_none_or(|v| STANDARD.decode(v).is_err()) {
            return Err(Status::bad_request(format!(
                "Secret in version \"v1\" cannot be handled as a Secret: illegal base64 data in data.{key}"
            )));
        }
    }
    if text(object, "/type").is_empty()
        && let Some(fields) = object.as_object_mut()
    {
        fields.insert("type".to_owned(), json!("Opaque"));
    }
    if before.is_some_and(|b| b.get("type") != object.get("type")) {
        return wrong("type", "Invalid value: field is immutable");
    }
    if text(object, "/type") == "kubernetes.io/dockerconfigjson" {
        let encoded = object.pointer("/data/.dockerconfigjson").and_then(Value::as_str);
        let Some(encoded) = encoded else {
            return wrong("data[.dockerconfigjson]", "Required value");
        };
        let decoded = STANDARD.decode(encoded).unwrap_or_default();
        if serde_json::from_slice::<Value>(&decoded).is_err() {
            return wrong(
                "data[.dockerconfigjson]",
                "Invalid value: \"<secret contents redacted>\": invalid JSON",
            );
        }
    }
    Ok(())
}
