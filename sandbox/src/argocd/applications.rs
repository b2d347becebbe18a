//! `/api/v1/applications`.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::problem::Problem;
use super::store::{project_of, same};
use super::{Answer, Call, now, put, text, validation};
use crate::Reply;
use crate::kubernetes::patch;
use crate::kubernetes::selector::Selector;

const RESOURCE: &str = "applications";

pub(super) fn route(call: &mut Call<'_>, path: &[&str]) -> Answer {
    match (call.request.method.clone(), path) {
        (Method::GET, []) => list(call),
        (Method::POST, []) => create(call),
        (Method::GET, [name]) => {
            let mut application = find(call, name, None)?;
            if call.request.query_value("refresh").is_some_and(|r| !r.is_empty()) {
                set_status(&mut application, "reconciledAt", json!(now()));
                call.store
                    .applications
                    .insert((*name).to_owned(), application.clone());
            }
            Ok(Reply::json(StatusCode::OK, &application))
        }
        (Method::PUT, [name]) => {
            let existing = find(call, name, None)?;
            let sent = call.body()?;
            check_version(name, &sent, &existing)?;
            let mut application = existing.clone();
            take_over(&mut application, &sent);
            Ok(Reply::json(
                StatusCode::OK,
                &update(call, name, application, &existing)?,
            ))
        }
        (Method::PATCH, [name]) => patch_application(call, name),
        (Method::DELETE, [name]) => {
            find(call, name, None)?;
            call.store.applications.remove(*name);
            Ok(Reply::json(StatusCode::OK, &json!({})))
        }
        (Method::PUT, [name, "spec"]) => {
            let existing = find(call, name, None)?;
            let mut application = existing.clone();
            put(&mut application, "spec", call.body()?);
            let stored = update(call, name, application, &existing)?;
            Ok(Reply::json(
                StatusCode::OK,
                stored.get("spec").unwrap_or(&Value::Null),
            ))
        }
        (Method::POST, [name, "sync"]) => sync(call, name),
        (Method::POST, [name, "rollback"]) => rollback(call, name),
        (Method::DELETE, [name, "operation"]) => {
            find(call, name, None)?;
            Err(Problem::invalid(
                "Unable to terminate operation. No operation is in progress",
            ))
        }
        (_, [] | [_] | [_, "spec" | "sync" | "rollback" | "operation"]) => Err(Problem::method_not_allowed()),
        _ => Err(Problem::no_route()),
    }
}

/// An application, as the account may see it. Whoever does not say which project the application is in learns
/// of a missing one only that it is not permitted, administrators too.
fn find(call: &Call<'_>, name: &str, project: Option<&str>) -> Result<Value, Problem> {
    let project = call
        .request
        .query_value("project")
        .or(project)
        .filter(|project| !project.is_empty());
    if project.is_some_and(|project| !call.account.may(project)) {
        return Err(Problem::denied());
    }
    let found = call.store.applications.get(name);
    match (found, project) {
        (Some(application), Some(project)) if project_of(application) != project => {
            Err(Problem::not_found(RESOURCE, name))
        }
        (Some(application), _) if call.account.may(project_of(application)) => Ok(application.clone()),
        (None, Some(_)) => Err(Problem::not_found(RESOURCE, name)),
        _ => Err(Problem::denied()),
    }
}

fn list(call: &Call<'_>) -> Answer {
    let selector = Selector::parse(call.request.query_value("selector").unwrap_or_default())
        .map_err(Problem::invalid)?;
    let mut projects = call.values("projects");
    projects.extend(call.values("project"));
    let name = call.request.query_value("name").unwrap_or_default();
    let repo = call.request.query_value("repo").unwrap_or_default();
    let items: Vec<&Value> = call
        .store
        .applications
        .iter()
        .filter(|(n, _)| name.is_empty() || *n == name)
        .map(|(_, application)| application)
        .filter(|a| call.account.may(project_of(a)))
        .filter(|a| projects.is_empty() || projects.contains(&project_of(a)))
        .filter(|a| repo.is_empty() || text(a, "/spec/source/repoURL") == repo)
        .filter(|a| selector.passes(a.pointer("/metadata/labels")))
        .collect();
    // Go's nil slice: an empty list is null.
    let items = if items.is_empty() {
        Value::Null
    } else {
        json!(items)
    };
    let metadata = json!({ "resourceVersion": call.store.revision() });
    Ok(Reply::json(
        StatusCode::OK,
        &json!({ "metadata": metadata, "items": items }),
    ))
}

fn create(call: &mut Call<'_>) -> Answer {
    let mut application = call.body()?;
    let name = text(&application, "/metadata/name").to_owned();
    if !call.account.may(project_of(&application)) {
        return Err(Problem::denied());
    }
    validation::name(RESOURCE, &name)?;
    validation::normalise(&mut application);
    // `validate=false` spares the look into the repository, which nobody takes here, and nothing else.
    validation::application(call.store, &application)?;
    if let Some(existing) = call.store.applications.get(&name).cloned() {
        if !call.account.may(project_of(&existing)) {
            return Err(Problem::denied());
        }
        if same(&existing, &application) {
            return Ok(Reply::json(StatusCode::OK, &existing));
        }
        if call.flag("upsert") != Some(true) {
            return Err(Problem::invalid(
                "existing application spec is different, use upsert flag to force update",
            ));
        }
        let mut updated = existing.clone();
        take_over(&mut updated, &application);
        return Ok(Reply::json(
            StatusCode::OK,
            &update(call, &name, updated, &existing)?,
        ));
    }
    call.store.identify(&mut application, None);
    put(&mut application, "status", json!({}));
    let compared = compared(&application);
    set_status(
        &mut application,
        "sync",
        json!({ "status": "OutOfSync", "comparedTo": compared }),
    );
    set_health(&mut application, "Missing");
    if is_automated(&application) {
        carry_out(&mut application, None);
    }
    let reply = Reply::json(StatusCode::OK, &application);
    call.store.applications.insert(name, application);
    Ok(reply)
}

fn check_version(name: &str, sent: &Value, existing: &Value) -> Result<(), Problem> {
    let version = text(sent, "/metadata/resourceVersion");
    if version.is_empty() || version == text(existing, "/metadata/resourceVersion") {
        return Ok(());
    }
    Err(Problem::conflict(format!(
        "Operation cannot be fulfilled on applications.argoproj.io \"{name}\": the object has been modified; \
         please apply your changes to the latest version and try again"
    )))
}

/// An update changes the spec, labels, annotations and finalizers, and nothing else.
fn take_over(application: &mut Value, sent: &Value) {
    put(
        application,
        "spec",
        sent.get("spec").cloned().unwrap_or(json!({})),
    );
    let mut metadata = application.get("metadata").cloned().unwrap_or_default();
    for field in ["labels", "annotations", "finalizers"] {
        match sent.pointer(&format!("/metadata/{field}")) {
            Some(value) => put(&mut metadata, field, value.clone()),
            None => {
                if let Some(fields) = metadata.as_object_mut() {
                    fields.remove(field);
                }
            }
        }
    }
    put(application, "metadata", metadata);
}

fn update(call: &mut Call<'_>, name: &str, mut application: Value, before: &Value) -> Result<Value, Problem> {
    validation::normalise(&mut application);
    if !call.account.may(project_of(&application)) {
        return Err(Problem::denied());
    }
    validation::application(call.store, &application)?;
    call.store.identify(&mut application, Some(before));
    if application.get("spec") != before.get("spec") {
        let compared = compared(&application);
        set_status(
            &mut application,
            "sync",
            json!({ "status": "OutOfSync", "comparedTo": compared }),
        );
        if is_automated(&application) {
            carry_out(&mut application, None);
        }
    }
    call.store
        .applications
        .insert(name.to_owned(), application.clone());
    Ok(application)
}

fn patch_application(call: &mut Call<'_>, name: &str) -> Answer {
    let body = call.body()?;
    let existing = find(call, name, Some(text(&body, "/project")))?;
    let parsed = serde_json::from_str::<Value>(text(&body, "/patch"));
    let parsed = parsed.map_err(|e| Problem::invalid(format!("error unmarshaling patch: {e}")))?;
    let mut application = existing.clone();
    match text(&body, "/patchType") {
        "" | "json" => {
            patch::apply(&mut application, &parsed).map_err(Problem::invalid)?;
        }
        "merge" => patch::merge(&mut application, &parsed),
        other => {
            return Err(Problem::invalid(format!("Patch type '{other}' is not supported")));
        }
    }
    Ok(Reply::json(
        StatusCode::OK,
        &update(call, name, application, &existing)?,
    ))
}

fn is_automated(application: &Value) -> bool {
    let policy = application.pointer("/spec/syncPolicy/automated");
    policy.is_some_and(|p| p.is_object() && p.get("enabled") != Some(&json!(false)))
}

fn sync(call: &mut Call<'_>, name: &str) -> Answer {
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
    let operation = operation(&application, revision, &call.account.name, dry);
    if !dry {
        carry_out(&mut application, revision);
        call.store
            .applications
            .insert(name.to_owned(), application.clone());
    }
    // The answer still shows the operation; it is carried out as soon as one looks again.
    put(&mut application, "operation", operation);
    Ok(Reply::json(StatusCode::OK, &application))
}

fn rollback(call: &mut Call<'_>, name: &str) -> Answer {
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
    let revision = Some(text(&entry, "/revision").to_owned());
    let operation = operation(&application, revision.as_deref(), &call.account.name, false);
    carry_out(&mut application, revision.as_deref());
    let mut sync = application.pointer("/status/sync").cloned().unwrap_or_default();
    put(&mut sync, "status", json!("OutOfSync"));
    set_status(&mut application, "sync", sync);
    call.store
        .applications
        .insert(name.to_owned(), application.clone());
    put(&mut application, "operation", operation);
    Ok(Reply::json(StatusCode::OK, &application))
}

fn operation(application: &Value, revision: Option<&str>, user: &str, dry: bool) -> Value {
    let revision = revision.map_or_else(|| commit(application), str::to_owned);
    json!({ "sync": { "revision": revision, "dryRun": dry }, "initiatedBy": { "username": user } })
}

fn compared(application: &Value) -> Value {
    let spec = |field: &str| application.pointer(&format!("/spec/{field}")).cloned();
    let mut compared = json!({ "destination": spec("destination").unwrap_or(json!({})) });
    for field in ["source", "sources"] {
        if let Some(value) = spec(field) {
            put(&mut compared, field, value);
        }
    }
    compared
}

/// The commit that the application's target revision stands for here: always the same for the same revision.
fn commit(application: &Value) -> String {
    let target = text(application, "/spec/source/targetRevision");
    if target.len() == 40 && target.bytes().all(|b| b.is_ascii_hexdigit()) {
        return target.to_owned();
    }
    let source = format!("{}@{target}", text(application, "/spec/source/repoURL"));
    hex::encode(Sha256::digest(source.as_bytes()))
        .chars()
        .take(40)
        .collect()
}

fn set_status(application: &mut Value, field: &str, value: Value) {
    let mut status = application.get("status").cloned().unwrap_or_default();
    put(&mut status, field, value);
    put(application, "status", status);
}

pub(super) fn set_health(application: &mut Value, health: &str) {
    set_status(
        application,
        "health",
        json!({ "status": health, "lastTransitionTime": now() }),
    );
}

/// Carries a sync out at once: synced, healthy, and one more entry of history.
fn carry_out(application: &mut Value, revision: Option<&str>) {
    let revision = revision.map_or_else(|| commit(application), str::to_owned);
    let time = now();
    let mut history = application
        .pointer("/status/history")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let source = application.pointer("/spec/source").cloned().unwrap_or(json!({}));
    let id = history
        .last()
        .and_then(|h| h.get("id"))
        .and_then(Value::as_i64)
        .map_or(0, |id| id + 1);
    history.push(
        json!({ "id": id, "revision": revision, "deployedAt": time, "deployStartedAt": time,
                         "source": source, "initiatedBy": { "username": "admin" } }),
    );
    let sync = json!({ "status": "Synced", "revision": revision, "comparedTo": compared(application) });
    let state = json!({
        "phase": "Succeeded", "message": "successfully synced (all tasks run)", "startedAt": time,
        "finishedAt": time, "operation": { "sync": { "revision": revision } },
        "syncResult": { "revision": revision, "source": source, "resources": [] },
    });
    set_status(application, "history", json!(history));
    set_status(application, "sync", sync);
    set_status(application, "operationState", state);
    set_status(application, "reconciledAt", json!(time));
    set_status(application, "sourceType", json!("Kustomize"));
    set_status(application, "summary", json!({}));
    set_health(application, "Healthy");
}
