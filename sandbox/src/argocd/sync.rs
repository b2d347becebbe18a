//! Asking for a sync, a rollback, and the end of either.

use http::StatusCode;
use serde_json::{Value, json};

use super::applications::find;
use super::problem::Problem;
use super::status::set_status;
use super::{Answer, Call, now, progress, put, text};
use crate::Reply;

pub(super) fn is_automated(application: &Value) -> bool {
    let policy = application.pointer("/spec/syncPolicy/automated");
    policy.is_some_and(|p| p.is_object() && p.get("enabled") != Some(&json!(false)))
}

pub(super) fn sync(call: &mut Call<'_>, name: &str) -> Answer {
    let body = call.body()?;
    let mut application = find(call, name, Some(text(&body, "/project")))?;
    let revision = Some(text(&body, "/revision")).filter(|r| !r.is_empty());
    let target = text(&application, "/spec/source/targetRevision");
    let target = if target.is_empty() { "HEAD" } else { target };
    if let Some(revision) = revision.filter(|r| is_automated(&application) && *r != target) {
        return Err(Problem::precondition(format!(
            "Cannot sync to {revision}: auto-sync currently set to {target}"
        )));
    }
    let dry = body.get("dryRun").and_then(Value::as_bool).unwrap_or_default();
    let user = call.account.name.clone();
    let operation = progress::operation(call, &application, revision, &user, dry);
    if !dry {
        refuse_second(call, name)?;
        progress::start(call, name, revision, &user);
    }
    // The answer still shows the operation; it is carried out while one looks again.
    put(&mut application, "operation", operation);
    Ok(Reply::json(StatusCode::OK, &application))
}

pub(super) fn rollback(call: &mut Call<'_>, name: &str) -> Answer {
    let body = call.body()?;
    let mut application = find(call, name, Some(text(&body, "/project")))?;
    if is_automated(&application) {
        return Err(Problem::precondition(
            "rollback cannot be initiated when auto-sync is enabled",
        ));
    }
    // Ids are int64, which the gateway renders and takes as text too.
    let id = body
        .get("id")
        .and_then(|id| id.as_i64().or_else(|| id.as_str()?.parse().ok()))
        .unwrap_or_default();
    let history = application.pointer("/status/history").and_then(Value::as_array);
    let entry = history
        .into_iter()
        .flatten()
        .find(|h| h.get("id").and_then(Value::as_i64) == Some(id));
    let Some(entry) = entry.cloned() else {
        return Err(Problem::invalid(format!(
            "application {name} does not have deployment with id {id}"
        )));
    };
    refuse_second(call, name)?;
    let revision = Some(text(&entry, "/revision"));
    let user = call.account.name.clone();
    let operation = progress::operation(call, &application, revision, &user, false);
    progress::start(call, name, revision, &user);
    put(&mut application, "operation", operation);
    Ok(Reply::json(StatusCode::OK, &application))
}

fn refuse_second(call: &Call<'_>, name: &str) -> Result<(), Problem> {
    if call.store.pending.contains_key(name) {
        return Err(Problem::precondition("another operation is already in progress"));
    }
    Ok(())
}

pub(super) fn terminate(call: &mut Call<'_>, name: &str) -> Answer {
    let Some(pending) = call.store.pending.remove(name) else {
        return Err(Problem::invalid(
            "Unable to terminate operation. No operation is in progress",
        ));
    };
    if let Some(application) = call.store.applications.get_mut(name) {
        let state = json!({
            "phase": "Failed", "message": "Operation terminated", "startedAt": pending.since,
            "finishedAt": now(), "operation": pending.operation,
        });
        set_status(application, "operationState", state);
        if let Some(fields) = application.as_object_mut() {
            fields.remove("operation");
        }
    }
    Ok(Reply::json(StatusCode::OK, &json!({})))
}
