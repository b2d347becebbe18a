//! The fields of an application's status.

use serde_json::{Value, json};

use super::{now, put};

pub(super) fn set_status(application: &mut Value, field: &str, value: Value) {
    let mut status = application.get("status").cloned().unwrap_or_default();
    put(&mut status, field, value);
    put(application, "status", status);
}

pub(super) fn set_health(application: &mut Value, health: &str, message: &str) {
    let before = application.pointer("/status/health");
    let same = before.is_some_and(|before| before.get("status").and_then(Value::as_str) == Some(health));
    let since = before
        .filter(|_| same)
        .and_then(|before| before.get("lastTransitionTime"));
    let since = since.cloned().unwrap_or_else(|| json!(now()));
    let mut told = json!({ "status": health, "lastTransitionTime": since });
    if !message.is_empty() {
        put(&mut told, "message", json!(message));
    }
    set_status(application, "health", told);
}

/// What a comparison was made with.
pub(super) fn compared(application: &Value) -> Value {
    let spec = |field: &str| application.pointer(&format!("/spec/{field}")).cloned();
    let mut compared = json!({ "destination": spec("destination").unwrap_or(json!({})) });
    for field in ["source", "sources"] {
        if let Some(value) = spec(field) {
            put(&mut compared, field, value);
        }
    }
    compared
}
