//! `/labels`: global ones (scope `g`) and a project's (`p`).

use http::{Method, StatusCode, header};
use serde_json::{Value, json};

use super::paging::page;
use super::problem::Problem;
use super::store::Label;
use super::{Answer, Call, now, str_of};
use crate::Reply;

pub(super) fn route(call: &mut Call<'_>, path: &[&str]) -> Answer {
    let id = match path {
        [] => None,
        [id] => Some(id.parse::<i64>().map_err(|_| {
            Problem::unprocessable(format!("label_id in path must be of type int64: \"{id}\""))
        })?),
        _ => return Err(Problem::no_route()),
    };
    match (call.request.method.clone(), id) {
        (Method::GET, None) => list(call),
        (Method::POST, None) => create(call),
        (Method::GET, Some(id)) => {
            let label = permitted(call, id, "read")?;
            Ok(Reply::json(StatusCode::OK, &render(label)))
        }
        (Method::PUT, Some(id)) => update(call, id),
        (Method::DELETE, Some(id)) => {
            permitted(call, id, "delete")?;
            call.store.labels.remove(&id);
            Ok(Reply::empty(StatusCode::OK))
        }
        _ => Err(Problem::method_not_allowed()),
    }
}

fn render(label: &Label) -> Value {
    json!({ "id": label.id, "name": label.name, "description": label.description, "color": label.color,
            "scope": label.scope, "project_id": label.project,
            "creation_time": label.created, "update_time": label.updated })
}

fn require(call: &Call<'_>, scope: &str, project: i64, action: &str) -> Result<(), Problem> {
    let name = if scope == "p" {
        Some(call.store.project_name(project))
    } else {
        None
    };
    call.require(name, "label", action)
}

fn permitted<'a>(call: &'a Call<'_>, id: i64, action: &str) -> Result<&'a Label, Problem> {
    call.require_signed_in()?;
    let label = call
        .store
        .labels
        .get(&id)
        .ok_or_else(|| Problem::not_found(format!("label {id} not found")))?;
    require(call, &label.scope, label.project, action)?;
    Ok(label)
}

fn list(call: &Call<'_>) -> Answer {
    call.require_signed_in()?;
    let scope = call.request.query_value("scope").unwrap_or_default();
    let project = call
        .request
        .query_value("project_id")
        .and_then(|p| p.parse::<i64>().ok())
        .unwrap_or_default();
    if !["g", "p"].contains(&scope) {
        return Err(Problem::bad_request(format!("invalid scope: {scope}")));
    }
    if scope == "p" && !call.store.projects.contains_key(&project) {
        return Err(Problem::bad_request(format!("invalid project_id: {project}")));
    }
    require(call, scope, project, "list")?;
    let name = call.request.query_value("name").unwrap_or_default();
    let items = call
        .store
        .labels
        .values()
        .filter(|l| l.scope == scope && l.project == project && l.name.contains(name))
        .map(render)
        .collect();
    page(call, items)
}

fn taken(call: &Call<'_>, name: &str, scope: &str, project: i64, except: i64) -> Result<(), Problem> {
    let taken = call
        .store
        .labels
        .values()
        .any(|l| l.id != except && l.name == name && l.scope == scope && l.project == project);
    if taken {
        Err(Problem::conflict(format!("label {name} already exists")))
    } else {
        Ok(())
    }
}

fn create(call: &mut Call<'_>) -> Answer {
    call.require_signed_in()?;
    let body = call.body()?;
    let scope = str_of(&body, "scope").unwrap_or_default().to_owned();
    let project = body.get("project_id").and_then(Value::as_i64).unwrap_or_default();
    match scope.as_str() {
        "g" => {}
        "p" if call.store.projects.contains_key(&project) => {}
        "p" => return Err(Problem::bad_request(format!("invalid project_id: {project}"))),
        _ => return Err(Problem::bad_request(format!("invalid scope: {scope}"))),
    }
    require(call, &scope, project, "create")?;
    let name = str_of(&body, "name").unwrap_or_default().to_owned();
    if name.is_empty() || name.chars().count() > 128 {
        return Err(Problem::bad_request("invalid label name: 1 to 128 characters"));
    }
    let project = if scope == "g" { 0 } else { project };
    taken(call, &name, &scope, project, 0)?;
    let id = call.store.next_id();
    let text = |field| str_of(&body, field).unwrap_or_default().to_owned();
    let label = Label {
        id,
        name,
        description: text("description"),
        color: text("color"),
        scope,
        project,
        created: now(),
        updated: now(),
    };
    call.store.labels.insert(id, label);
    let location = call.location(&format!("/labels/{id}"));
    Ok(Reply::empty(StatusCode::CREATED).with_header(header::LOCATION, &location))
}

fn update(call: &mut Call<'_>, id: i64) -> Answer {
    let (scope, project) = permitted(call, id, "update").map(|l| (l.scope.clone(), l.project))?;
    let body = call.body()?;
    let name = str_of(&body, "name").unwrap_or_default().to_owned();
    taken(call, &name, &scope, project, id)?;
    if let Some(label) = call.store.labels.get_mut(&id) {
        label.name = name;
        label.description = str_of(&body, "description").unwrap_or_default().to_owned();
        label.color = str_of(&body, "color").unwrap_or_default().to_owned();
        label.updated = now();
    }
    Ok(Reply::empty(StatusCode::OK))
}
