//! `/api/v1/projects`.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::problem::Problem;
use super::store::{DEFAULT_PROJECT, same};
use super::{Answer, Call, put, text, validation};
use crate::Reply;

const RESOURCE: &str = "appprojects";

pub(super) fn route(call: &mut Call<'_>, path: &[&str]) -> Answer {
    match (call.request.method.clone(), path) {
        (Method::GET, []) => Ok(list(call)),
        (Method::POST, []) => create(call),
        (Method::GET, [name]) => {
            permit(call, name)?;
            let project = call
                .store
                .projects
                .get(*name)
                .ok_or_else(|| Problem::not_found(RESOURCE, name))?;
            Ok(Reply::json(StatusCode::OK, project))
        }
        (Method::PUT, [name]) => update(call, name),
        (Method::DELETE, [name]) => delete(call, name),
        (_, [] | [_]) => Err(Problem::method_not_allowed()),
        _ => Err(Problem::no_route()),
    }
}

fn permit(call: &Call<'_>, project: &str) -> Result<(), Problem> {
    if call.account.may(project) {
        Ok(())
    } else {
        Err(Problem::denied())
    }
}

/// Only administrators change projects.
fn permit_change(call: &Call<'_>) -> Result<(), Problem> {
    if call.account.projects.is_none() {
        Ok(())
    } else {
        Err(Problem::denied())
    }
}

fn list(call: &Call<'_>) -> Reply {
    let name = call.request.query_value("name").unwrap_or_default();
    let items: Vec<&Value> = call
        .store
        .projects
        .iter()
        .filter(|(n, _)| call.account.may(n) && (name.is_empty() || *n == name))
        .map(|(_, project)| project)
        .collect();
    let metadata = json!({ "resourceVersion": call.store.revision() });
    Reply::json(StatusCode::OK, &json!({ "metadata": metadata, "items": items }))
}

fn create(call: &mut Call<'_>) -> Answer {
    permit_change(call)?;
    let body = call.body()?;
    let Some(mut project) = body.get("project").filter(|p| p.is_object()).cloned() else {
        return Err(Problem::invalid("missing payload 'project' in request"));
    };
    let name = text(&project, "/metadata/name").to_owned();
    validation::name(RESOURCE, &name)?;
    if project.get("spec").is_none() {
        put(&mut project, "spec", json!({}));
    }
    let upsert = body.get("upsert").and_then(Value::as_bool).unwrap_or_default();
    let existing = call.store.projects.get(&name).cloned();
    if let Some(existing) = &existing {
        if same(existing, &project) {
            return Ok(Reply::json(StatusCode::OK, existing));
        }
        if !upsert {
            return Err(Problem::invalid(
                "existing project spec is different, use upsert flag to force update",
            ));
        }
    }
    Ok(store(call, name, project, existing.as_ref()))
}

fn store(call: &mut Call<'_>, name: String, mut project: Value, before: Option<&Value>) -> Reply {
    call.store.identify(&mut project, before);
    let reply = Reply::json(StatusCode::OK, &project);
    call.store.projects.insert(name, project);
    reply
}

fn update(call: &mut Call<'_>, name: &str) -> Answer {
    permit_change(call)?;
    let body = call.body()?;
    let Some(project) = body.get("project").filter(|p| p.is_object()).cloned() else {
        return Err(Problem::invalid("missing payload 'project' in request"));
    };
    let existing = call
        .store
        .projects
        .get(name)
        .cloned()
        .ok_or_else(|| Problem::not_found(RESOURCE, name))?;
    let version = text(&project, "/metadata/resourceVersion");
    if !version.is_empty() && version != text(&existing, "/metadata/resourceVersion") {
        return Err(Problem::conflict(format!(
            "Operation cannot be fulfilled on appprojects.argoproj.io \"{name}\": the object has been modified; \
             please apply your changes to the latest version and try again"
        )));
    }
    // An application that was within the project must stay within it.
    let before = call.store.projects.insert(name.to_owned(), project.clone());
    let broken = call
        .store
        .applications_of(name)
        .filter(|application| validation::application(call.store, application).is_err())
        .count();
    if let Some(before) = before {
        call.store.projects.insert(name.to_owned(), before);
    }
    if broken > 0 {
        return Err(Problem::invalid(format!(
            "as a result of project update {broken} applications source or destination became invalid"
        )));
    }
    Ok(store(call, name.to_owned(), project, Some(&existing)))
}

fn delete(call: &mut Call<'_>, name: &str) -> Answer {
    permit_change(call)?;
    if name == DEFAULT_PROJECT {
        return Err(Problem::invalid(format!(
            "name '{name}' is reserved and cannot be deleted"
        )));
    }
    if !call.store.projects.contains_key(name) {
        return Err(Problem::not_found(RESOURCE, name));
    }
    let count = call.store.applications_of(name).count();
    if count > 0 {
        return Err(Problem::invalid(format!(
            "project is referenced by {count} applications"
        )));
    }
    call.store.projects.remove(name);
    Ok(Reply::json(StatusCode::OK, &json!({})))
}
