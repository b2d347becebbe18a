//! Which manager owns which field, as server-side apply needs it. Lists are owned whole.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

/// A field: the keys that lead to it.
pub(super) type Field = Vec<String>;

/// How a manager came by its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Means {
    Apply,
    Update,
}

/// Owners of one object's fields.
#[derive(Debug, Default, Clone)]
pub(super) struct Owners {
    fields: BTreeMap<(String, Means), BTreeSet<Field>>,
}

/// The fields that a client may set: all but the object's identity and what the server keeps.
pub(super) fn fields(object: &Value) -> BTreeSet<Field> {
    let mut out = BTreeSet::new();
    let mut path = Vec::new();
    collect(object, &mut path, &mut out);
    let kept = [
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "generation",
        "managedFields",
    ];
    out.retain(
        |field| match field.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["apiVersion" | "kind" | "status", ..] => false,
            ["metadata", key, ..] => !kept.contains(key),
            _ => true,
        },
    );
    out
}

fn collect(value: &Value, path: &mut Field, out: &mut BTreeSet<Field>) {
    match value.as_object() {
        Some(map) if !map.is_empty() => {
            for (key, value) in map {
                path.push(key.clone());
                collect(value, path, out);
                path.pop();
            }
        }
        _ => {
            out.insert(path.clone());
        }
    }
}

pub(super) fn get<'a>(object: &'a Value, field: &Field) -> Option<&'a Value> {
    field.iter().try_fold(object, |value, key| value.get(key))
}

/// Removes a field, and the maps that it leaves empty.
pub(super) fn remove(object: &mut Value, field: &[String]) {
    let Some((first, rest)) = field.split_first() else {
        return;
    };
    let Some(map) = object.as_object_mut() else { return };
    if rest.is_empty() {
        map.remove(first);
    } else if let Some(inner) = map.get_mut(first) {
        remove(inner, rest);
        if inner.as_object().is_some_and(Map::is_empty) {
            map.remove(first);
        }
    }
}

impl Owners {
    /// A write by other means than apply: what it changed is its manager's now.
    pub(super) fn written(&mut self, manager: &str, before: &Value, after: &Value) {
        let now = fields(after);
        let changed: BTreeSet<Field> = now
            .iter()
            .filter(|f| get(before, f) != get(after, f))
            .cloned()
            .collect();
        for owned in self.fields.values_mut() {
            owned.retain(|f| now.contains(f) && !changed.contains(f));
        }
        self.fields
            .entry((manager.to_owned(), Means::Update))
            .or_default()
            .extend(changed);
        self.fields.retain(|_, owned| !owned.is_empty());
    }

    /// Fields that an apply would change and that another manager owns.
    pub(super) fn conflicts(&self, manager: &str, current: &Value, applied: &Value) -> Vec<(String, String)> {
        let me = (manager.to_owned(), Means::Apply);
        let mut out = Vec::new();
        for field in fields(applied) {
            let same = get(current, &field).is_none_or(|value| Some(value) == get(applied, &field));
            let owner = self
                .fields
                .iter()
                .find(|(who, owned)| **who != me && owned.contains(&field));
            if let (false, Some(((name, _), _))) = (same, owner) {
                out.push((name.clone(), format!(".{}", field.join("."))));
            }
        }
        out
    }

    /// Records an apply; answers the fields that the manager gave up and nobody else owns.
    pub(super) fn applied(&mut self, manager: &str, current: &Value, applied: &Value) -> Vec<Field> {
        let me = (manager.to_owned(), Means::Apply);
        let mine = fields(applied);
        let before = self.fields.remove(&me).unwrap_or_default();
        for owned in self.fields.values_mut() {
            owned.retain(|f| !mine.contains(f) || get(current, f) == get(applied, f));
        }
        let given_up = before
            .difference(&mine)
            .filter(|f| !self.fields.values().any(|owned| owned.contains(*f)))
            .cloned()
            .collect();
        self.fields.insert(me, mine);
        self.fields.retain(|_, owned| !owned.is_empty());
        given_up
    }

    /// `metadata.managedFields`.
    pub(super) fn render(&self, api_version: &str, time: &str) -> Value {
        let entries = self.fields.iter().map(|((manager, means), owned)| {
            let mut tree = json!({});
            for field in owned {
                let mut place = &mut tree;
                for key in field {
                    let Some(map) = place.as_object_mut() else { break };
                    place = map.entry(format!("f:{key}")).or_insert_with(|| json!({}));
                }
            }
            let operation = if *means == Means::Apply { "Apply" } else { "Update" };
            json!({ "manager": manager, "operation": operation, "apiVersion": api_version, "time": time,
                    "fieldsType": "FieldsV1", "fieldsV1": tree })
        });
        entries.collect()
    }
}
