//! `fields=items.metadata.name,…`: which parts of the applications a list shows. The portal of Argo CD asks for lists that
//! way; its description does not say so.

use serde_json::{Value, json};

/// Parts that can be asked for, of those that the stand-in has.
const KNOWN: [&str; 10] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.annotations",
    "metadata.labels",
    "metadata.creationTimestamp",
    "metadata.deletionTimestamp",
    "spec",
    "status.sync.status",
    "status.health",
    "status.summary",
];

/// What was asked for; all of it where nothing was said.
pub(super) struct Fields(Option<Vec<&'static str>>);

impl Fields {
    pub(super) fn of(query: &str) -> Self {
        let asked = |known: &&str| {
            query
                .split(',')
                .any(|field| field.strip_prefix("items.") == Some(*known))
        };
        match query {
            "" => Self(None),
            _ => Self(Some(KNOWN.into_iter().filter(asked).collect())),
        }
    }

    /// What is shown of an application.
    pub(super) fn of_item(&self, application: Value) -> Value {
        let Some(asked) = &self.0 else {
            return application;
        };
        let mut shown = json!({});
        for field in asked {
            let pointer = format!("/{}", field.replace('.', "/"));
            if let Some(value) = application.pointer(&pointer) {
                set(&mut shown, field, value.clone());
            }
        }
        shown
    }
}

fn set(object: &mut Value, path: &str, value: Value) {
    match path.split_once('.') {
        None => super::put(object, path, value),
        Some((first, rest)) => {
            let mut inner = object.get(first).cloned().unwrap_or_else(|| json!({}));
            set(&mut inner, rest, value);
            super::put(object, first, inner);
        }
    }
}
