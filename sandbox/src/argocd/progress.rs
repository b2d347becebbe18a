//! How a sync goes on: under way, then rolled out, then healthy or not. Time is how often one looks.

use serde_json::{Value, json};

use super::rendered::{Rendered, render};
use super::status::{compared, set_health, set_status};
use super::store::{Running, Store};
use super::{Call, now, put};

/// A sync that is under way.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) since: String,
    pub(super) operation: Value,
    rendered: Result<Rendered, String>,
    user: String,
    /// How many more looks find it under way.
    looks: u32,
}

/// An operation as the API shows it.
pub(super) fn operation(
    call: &Call<'_>,
    application: &Value,
    revision: Option<&str>,
    user: &str,
    dry: bool,
) -> Value {
    let rendered = render(call.gitlab, application, revision).map(|rendered| rendered.revision);
    // What cannot be rendered is asked for all the same.
    let revision = rendered.unwrap_or_else(|_| revision.unwrap_or_default().to_owned());
    json!({ "sync": { "revision": revision, "dryRun": dry }, "initiatedBy": { "username": user } })
}

/// Starts a sync; with no pace it is done at once.
pub(super) fn start(call: &mut Call<'_>, name: &str, revision: Option<&str>, user: &str) {
    let Some(mut application) = call.store.applications.get(name).cloned() else {
        return;
    };
    let pending = Pending {
        since: now(),
        operation: operation(call, &application, revision, user, false),
        rendered: render(call.gitlab, &application, revision),
        user: user.to_owned(),
        looks: call.pace,
    };
    if call.pace == 0 {
        finish(call, name, &pending);
        look(call, name, true);
        return;
    }
    let state = json!({ "phase": "Running", "message": "waiting for resources to be applied",
                        "startedAt": pending.since, "operation": pending.operation });
    set_status(&mut application, "operationState", state);
    put(&mut application, "operation", pending.operation.clone());
    call.store.applications.insert(name.to_owned(), application);
    call.store.pending.insert(name.to_owned(), pending);
}

/// Somebody looks at an application: what is under way goes on by one step. What the repository says is compared
/// when that is asked for, and after a sync.
pub(super) fn look(call: &mut Call<'_>, name: &str, refresh: bool) {
    let mut compares = refresh;
    if let Some(mut pending) = call.store.pending.remove(name) {
        if pending.looks > 0 {
            pending.looks -= 1;
            call.store.pending.insert(name.to_owned(), pending);
        } else {
            finish(call, name, &pending);
            compares = true;
        }
    } else if let Some(running) = call.store.running.get_mut(name) {
        running.settles_in = running.settles_in.saturating_sub(1);
    }
    let Some(mut application) = call.store.applications.get(name).cloned() else {
        return;
    };
    if compares {
        compare(call, name, &mut application);
    }
    show(call.store, name, &mut application);
    call.store.applications.insert(name.to_owned(), application);
}

/// Carries a sync out: what was rendered runs, and there is one more entry of history.
fn finish(call: &mut Call<'_>, name: &str, pending: &Pending) {
    let Some(mut application) = call.store.applications.get(name).cloned() else {
        return;
    };
    let time = now();
    let source = application.pointer("/spec/source").cloned().unwrap_or(json!({}));
    let state = |phase: &str, message: &str| {
        json!({ "phase": phase, "message": message, "startedAt": pending.since, "finishedAt": time,
                "operation": pending.operation })
    };
    match &pending.rendered {
        Err(why) => set_status(
            &mut application,
            "operationState",
            state("Error", &format!("ComparisonError: {why}")),
        ),
        Ok(rendered) => {
            let mut done = state("Succeeded", "successfully synced (all tasks run)");
            let result = json!({ "revision": rendered.revision, "source": source, "resources": [] });
            put(&mut done, "syncResult", result);
            set_status(&mut application, "operationState", done);
            let entries = application.pointer("/status/history").and_then(Value::as_array);
            let mut history = entries.cloned().unwrap_or_default();
            let last = history.last().and_then(|h| h.get("id")).and_then(Value::as_i64);
            history.push(json!({
                "id": last.map_or(0, |id| id + 1), "revision": rendered.revision, "deployedAt": time,
                "deployStartedAt": pending.since, "source": source, "initiatedBy": { "username": pending.user },
            }));
            set_status(&mut application, "history", json!(history));
            set_status(&mut application, "sourceType", json!("Kustomize"));
            let running = Running {
                images: rendered.images.clone(),
                services: rendered.services.clone(),
                compared: compared(&application),
                settles_in: call.pace,
                told: None,
            };
            call.store.running.insert(name.to_owned(), running);
        }
    }
    if let Some(fields) = application.as_object_mut() {
        fields.remove("operation");
    }
    call.store.applications.insert(name.to_owned(), application);
}

/// Compares what runs with what the repository says.
fn compare(call: &Call<'_>, name: &str, application: &mut Value) {
    let (compared, time) = (compared(application), now());
    let sync = match render(call.gitlab, application, None) {
        Ok(head) => {
            set_status(application, "conditions", json!([]));
            let running = call.store.running.get(name);
            let same = running.is_some_and(|r| {
                r.images == head.images && r.services == head.services && r.compared == compared
            });
            let status = if same { "Synced" } else { "OutOfSync" };
            json!({ "status": status, "revision": head.revision, "comparedTo": compared })
        }
        Err(why) => {
            let condition = json!({ "type": "ComparisonError", "message": why, "lastTransitionTime": time });
            set_status(application, "conditions", json!([condition]));
            json!({ "status": "Unknown", "comparedTo": compared })
        }
    };
    set_status(application, "sync", sync);
    set_status(application, "reconciledAt", json!(time));
}

/// Shows what runs and how that is.
pub(super) fn show(store: &Store, name: &str, application: &mut Value) {
    let Some(running) = store.running.get(name) else {
        return;
    };
    let summary = if running.images.is_empty() {
        json!({})
    } else {
        json!({ "images": running.images })
    };
    set_status(application, "summary", summary);
    let (health, message) = store.health(running);
    set_health(application, &health, &message);
}
