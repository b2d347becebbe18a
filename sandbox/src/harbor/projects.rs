//! `/projects`.

use std::collections::BTreeMap;

use http::{Method, StatusCode, header};
use serde_json::{Value, json};

use super::paging::{Filter, page};
use super::problem::Problem;
use super::store::{Project, Store};
use super::{Answer, Call, Caller, is_name, now, str_of};
use crate::Reply;

pub(super) fn route(call: &mut Call<'_>, path: &[&str]) -> Answer {
    match (call.request.method.clone(), path) {
        (Method::GET, []) => list(call),
        (Method::HEAD, []) => exists(call),
        (Method::POST, []) => create(call),
        (Method::GET, [project]) => {
            let project = readable(call, project)?;
            Ok(Reply::json(StatusCode::OK, &render(call.store, project)))
        }
        (Method::PUT, [project]) => update(call, project),
        (Method::DELETE, [project]) => delete(call, project),
        (Method::GET, [project, "_deletable"]) => {
            let project = readable(call, project)?;
            let deletable = call.store.repository_count(project.id) == 0;
            let message = if deletable { "" } else { NOT_EMPTY };
            Ok(Reply::json(
                StatusCode::OK,
                &json!({ "deletable": deletable, "message": message }),
            ))
        }
        (Method::GET, [project, "summary"]) => {
            let project = readable(call, project)?;
            let count = call.store.repository_count(project.id);
            Ok(Reply::json(
                StatusCode::OK,
                &json!({ "repo_count": count, "project_admin_count": 1, "maintainer_count": 0,
                         "developer_count": 0, "guest_count": 0, "limited_guest_count": 0 }),
            ))
        }
        _ => Err(Problem::no_route()),
    }
}

const NOT_EMPTY: &str = "the project contains repositories, can not be deleted";

/// The project that a path means: digits are an id, unless `X-Is-Resource-Name` says otherwise.
pub(super) fn find<'a>(call: &'a Call<'_>, name_or_id: &str) -> Result<&'a Project, Problem> {
    let by_name = call
        .request
        .header("x-is-resource-name")
        .is_some_and(|v| v.eq_ignore_ascii_case("true"));
    let id = if by_name {
        None
    } else {
        name_or_id.parse::<i64>().ok()
    };
    let found = match id {
        Some(id) => call.store.projects.get(&id),
        None => call.store.project_named(name_or_id),
    };
    found.ok_or_else(|| match call.caller {
        // Whether it exists is nobody's business who may not see it.
        Caller::Anonymous => Problem::unauthorized(),
        Caller::Robot(_) => Problem::forbidden(),
        Caller::Admin => Problem::not_found(format!("project {name_or_id} not found")),
    })
}

fn readable<'a>(call: &'a Call<'_>, name_or_id: &str) -> Result<&'a Project, Problem> {
    let project = find(call, name_or_id)?;
    if !is_public(project) {
        call.require(Some(&project.name), "project", "read")?;
    }
    Ok(project)
}

fn is_public(project: &Project) -> bool {
    project.metadata.get("public").is_some_and(|p| p == "true")
}

fn render(store: &Store, project: &Project) -> Value {
    json!({
        "project_id": project.id, "name": project.name, "owner_id": 1, "owner_name": "admin",
        "creation_time": project.created, "update_time": project.updated, "deleted": false,
        "metadata": project.metadata, "repo_count": store.repository_count(project.id),
        "togglable": true, "current_user_role_id": 1, "current_user_role_ids": [1],
        "cve_allowlist": { "id": project.id, "project_id": project.id, "items": [],
                           "creation_time": project.created, "update_time": project.updated },
    })
}

fn list(call: &Call<'_>) -> Answer {
    let filter = Filter::of(call.request)?;
    let name = call.request.query_value("name").unwrap_or_default();
    let public = call.request.query_value("public");
    let items = call
        .store
        .projects
        .values()
        .filter(|p| is_public(p) || call.require(Some(&p.name), "project", "list").is_ok())
        .filter(|p| p.name.contains(name))
        .filter(|p| public.is_none_or(|wanted| wanted == is_public(p).to_string()))
        .filter(|p| filter.passes("name", &[&p.name]))
        .filter(|p| filter.passes("project_id", &[&p.id.to_string()]))
        .filter(|p| filter.passes("public", &[&is_public(p).to_string()]))
        .map(|p| render(call.store, p))
        .collect();
    page(call, items)
}

fn exists(call: &Call<'_>) -> Answer {
    let name = call
        .request
        .query_value("project_name")
        .ok_or_else(|| Problem::unprocessable("project_name in query is required"))?;
    let status = if call.store.project_named(name).is_some() {
        StatusCode::OK
    } else {
        StatusCode::NOT_FOUND
    };
    Ok(Reply::empty(status))
}

fn create(call: &mut Call<'_>) -> Answer {
    call.require(None, "project", "create")?;
    let body = call.body()?;
    let name = str_of(&body, "project_name").unwrap_or_default();
    if !is_name(name, 255) {
        return Err(Problem::bad_request(
            "project name is not in lower case or contains illegal characters!",
        ));
    }
    if call.store.project_named(name).is_some() {
        return Err(Problem::conflict(format!(
            "The project named {name} already exists"
        )));
    }
    let mut metadata = BTreeMap::from([("public".to_owned(), "false".to_owned())]);
    if let Some(public) = body.get("public").and_then(Value::as_bool) {
        metadata.insert("public".to_owned(), public.to_string());
    }
    merge(&mut metadata, body.get("metadata"));
    let id = call.store.add_project(name, metadata);
    let by_name = call
        .request
        .header("x-resource-name-in-location")
        .is_some_and(|v| v.eq_ignore_ascii_case("true"));
    let last = if by_name { name.to_owned() } else { id.to_string() };
    let location = call.location(&format!("/projects/{last}"));
    Ok(Reply::empty(StatusCode::CREATED).with_header(header::LOCATION, &location))
}

/// Takes over the fields that Harbor knows; a retention policy is set through `/retentions` only.
pub(super) fn merge(metadata: &mut BTreeMap<String, String>, update: Option<&Value>) {
    for (key, value) in update.and_then(Value::as_object).into_iter().flatten() {
        if let Some(value) = value.as_str() {
            metadata.insert(key.clone(), value.to_owned());
        }
    }
}

fn update(call: &mut Call<'_>, name_or_id: &str) -> Answer {
    let (id, name) = find(call, name_or_id).map(|p| (p.id, p.name.clone()))?;
    call.require(Some(&name), "project", "update")?;
    let body = call.body()?;
    if let Some(project) = call.store.projects.get_mut(&id) {
        merge(&mut project.metadata, body.get("metadata"));
        project.updated = now();
    }
    Ok(Reply::empty(StatusCode::OK))
}

fn delete(call: &mut Call<'_>, name_or_id: &str) -> Answer {
    let (id, name) = find(call, name_or_id).map(|p| (p.id, p.name.clone()))?;
    call.require(Some(&name), "project", "delete")?;
    if call.store.repository_count(id) > 0 {
        return Err(Problem::precondition(NOT_EMPTY));
    }
    call.store.remove_project(id);
    Ok(Reply::empty(StatusCode::OK))
}
