//! `/api/v1/applications`.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::fields::Fields;
use super::problem::Problem;
use super::status::{compared, set_health, set_status};
use super::store::{project_of, same};
use super::sync::is_automated;
use super::{Answer, Call, progress, put, sync, text, validation};
use crate::Reply;
use crate::kubernetes::patch;
use crate::kubernetes::selector::Selector;

const RESOURCE: &str = "applications";

pub(super) fn route(call: &mut Call<'_>, path: &[&str]) -> Answer {
    match (call.request.method.clone(), path) {
        (Method::GET, []) => list(call),
        (Method::POST, []) => create(call),
        (Method::GET, [name]) => {
            find(call, name, None)?;
            let refresh = call.request.query_value("refresh").is_some_and(|r| !r.is_empty());
            progress::look(call, name, refresh);
            Ok(Reply::json(StatusCode::OK, &find(call, name, None)?))
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
            call.store.remove_application(name);
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
        (Method::POST, [name, "sync"]) => sync::sync(call, name),
        (Method::POST, [name, "rollback"]) => sync::rollback(call, name),
        (Method::DELETE, [name, "operation"]) => {
            find(call, name, None)?;
            sync::terminate(call, name)
        }
        (_, [] | [_] | [_, "spec" | "sync" | "rollback" | "operation"]) => Err(Problem::method_not_allowed()),
        _ => Err(Problem::no_route()),
    }
}

/// An application, as the account may see it. Whoever does not say which project the application is in learns
/// of a missing one only that it is not permitted, administrators too.
pub(super) fn find(call: &Call<'_>, name: &str, project: Option<&str>) -> Result<Value, Problem> {
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
    let fields = Fields::of(call.request.query_value("fields").unwrap_or_default());
    let items: Vec<Value> = call
        .store
        .applications
        .iter()
        .filter(|(n, _)| name.is_empty() || *n == name)
        // Argo CD watches the cluster: a list shows what runs, too, but not what the repository says by now.
        .map(|(name, application)| {
            let mut shown = application.clone();
            progress::show(call.store, name, &mut shown);
            shown
        })
        .filter(|a| call.account.may(project_of(a)))
        .filter(|a| projects.is_empty() || projects.contains(&project_of(a)))
        .filter(|a| repo.is_empty() || text(a, "/spec/source/repoURL") == repo)
        .filter(|a| selector.passes(a.pointer("/metadata/labels")))
        .map(|a| fields.of_item(a))
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
    set_health(&mut application, "Missing", "");
    let automated = is_automated(&application);
    call.store.applications.insert(name.clone(), application);
    if automated {
        progress::start(call, &name, None, "admin");
    }
    Ok(Reply::json(StatusCode::OK, &find(call, &name, None)?))
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
    let changed = application.get("spec") != before.get("spec");
    if changed {
        let compared = compared(&application);
        set_status(
            &mut application,
            "sync",
            json!({ "status": "OutOfSync", "comparedTo": compared }),
        );
    }
    let automated = changed && is_automated(&application);
    call.store.applications.insert(name.to_owned(), application);
    if automated {
        progress::start(call, name, None, "admin");
    }
    let stored = call.store.applications.get(name).cloned();
    stored.ok_or_else(|| Problem::not_found(RESOURCE, name))
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
