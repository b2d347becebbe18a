//! `/retentions`: a project has at most one policy, which its metadata names.

use http::{Method, StatusCode, header};
use serde_json::{Value, json};

use super::problem::Problem;
use super::{Answer, Call, keeping};
use crate::Reply;

const KEY: &str = "retention_id";

pub(super) fn route(call: &mut Call<'_>, path: &[&str]) -> Answer {
    call.require_signed_in()?;
    match (call.request.method.clone(), path) {
        (Method::POST, []) => create(call),
        (method, [id]) => {
            let id = id
                .parse::<i64>()
                .map_err(|_| Problem::unprocessable(format!("id in path must be of type int64: \"{id}\"")))?;
            match method {
                Method::GET => {
                    let (project, policy) = call.store.retentions.get(&id).ok_or_else(|| {
                        Problem::not_found(format!("no such retention policy with id {id}"))
                    })?;
                    call.require(Some(call.store.project_name(*project)), "tag-retention", "read")?;
                    Ok(Reply::json(StatusCode::OK, policy))
                }
                Method::PUT => update(call, id),
                Method::DELETE => delete(call, id),
                _ => Err(Problem::method_not_allowed()),
            }
        }
        (Method::POST, [id, "executions"]) => execute(call, id),
        _ => Err(Problem::no_route()),
    }
}

/// Carries a policy out, at once.
fn execute(call: &mut Call<'_>, id: &str) -> Answer {
    let found = id.parse().ok().and_then(|id: i64| call.store.retentions.get(&id));
    let (project, policy) = found
        .cloned()
        .ok_or_else(|| Problem::not_found(format!("no such retention policy with id {id}")))?;
    call.require(Some(call.store.project_name(project)), "tag-retention", "update")?;
    let dry = call
        .body()?
        .get("dry_run")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    if !dry {
        keeping::carry_out(call.store, project, &policy);
    }
    let execution = call.store.next_id();
    let location = call.location(&format!("/retentions/{id}/executions/{execution}"));
    Ok(Reply::empty(StatusCode::CREATED).with_header(header::LOCATION, &location))
}

/// The project that the policy is for, the policy's form checked.
fn project_of(call: &Call<'_>, policy: &Value) -> Result<i64, Problem> {
    let level = policy
        .pointer("/scope/level")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if level != "project" {
        return Err(Problem::bad_request(format!("scope {level} is not support")));
    }
    let project = policy
        .pointer("/scope/ref")
        .and_then(Value::as_i64)
        .unwrap_or_default();
    if !call.store.projects.contains_key(&project) {
        return Err(Problem::bad_request(format!("invalid Project id {project}")));
    }
    let no_rules = Vec::new();
    let rules = policy.get("rules").and_then(Value::as_array).unwrap_or(&no_rules);
    if rules.len() > 15 {
        return Err(Problem::bad_request("only 15 rules are allowed at most"));
    }
    for (index, rule) in rules.iter().enumerate() {
        if let Some(first) = rules.iter().take(index).position(|other| other == rule) {
            return Err(Problem::conflict(format!(
                "rule {index} is conflict with rule {first}"
            )));
        }
    }
    Ok(project)
}

fn create(call: &mut Call<'_>) -> Answer {
    let mut policy = call.body()?;
    let project = project_of(call, &policy)?;
    call.require(Some(call.store.project_name(project)), "tag-retention", "create")?;
    let existing = call
        .store
        .projects
        .get(&project)
        .and_then(|p| p.metadata.get(KEY));
    if let Some(existing) = existing {
        let message = format!("project {project} already has retention policy {existing}");
        return Err(Problem::bad_request(message));
    }
    let id = call.store.next_id();
    identify(&mut policy, id);
    call.store.retentions.insert(id, (project, policy));
    if let Some(project) = call.store.projects.get_mut(&project) {
        project.metadata.insert(KEY.to_owned(), id.to_string());
    }
    let location = call.location(&format!("/retentions/{id}"));
    Ok(Reply::empty(StatusCode::CREATED).with_header(header::LOCATION, &location))
}

fn identify(policy: &mut Value, id: i64) {
    if let Some(fields) = policy.as_object_mut() {
        fields.insert("id".to_owned(), json!(id));
    }
    let rules = policy.get_mut("rules").and_then(Value::as_array_mut);
    for (index, rule) in rules.into_iter().flatten().enumerate() {
        if let Some(rule) = rule.as_object_mut() {
            rule.insert("id".to_owned(), json!(index + 1));
        }
    }
}

fn update(call: &mut Call<'_>, id: i64) -> Answer {
    let mut policy = call.body()?;
    let project = project_of(call, &policy)?;
    call.require(Some(call.store.project_name(project)), "tag-retention", "update")?;
    if call.store.retentions.get(&id).map(|(p, _)| *p) != Some(project) {
        return Err(Problem::not_found(format!(
            "the retention policy id {id} does not match"
        )));
    }
    identify(&mut policy, id);
    call.store.retentions.insert(id, (project, policy));
    Ok(Reply::empty(StatusCode::OK))
}

fn delete(call: &mut Call<'_>, id: i64) -> Answer {
    // A missing policy is a bad request here, whatever one expects.
    let project = call
        .store
        .retentions
        .get(&id)
        .map(|(project, _)| *project)
        .ok_or_else(|| Problem::bad_request(format!("no such retention policy with id {id}")))?;
    call.require(Some(call.store.project_name(project)), "tag-retention", "delete")?;
    call.store.retentions.remove(&id);
    if let Some(project) = call.store.projects.get_mut(&project) {
        project.metadata.remove(KEY);
    }
    Ok(Reply::empty(StatusCode::OK))
}
