//! `/projects/{project}/metadatas/`.

use http::{Method, StatusCode};
use serde_json::json;

use super::problem::Problem;
use super::{Answer, Call, projects};
use crate::Reply;

pub(super) fn route(call: &mut Call<'_>, project: Option<&str>, path: &[&str]) -> Answer {
    let project = projects::find(call, project.unwrap_or_default())?;
    let (id, name) = (project.id, project.name.clone());
    let action = match call.request.method {
        Method::GET => "read",
        Method::POST => "create",
        Method::PUT => "update",
        _ => "delete",
    };
    call.require(Some(&name), "metadata", action)?;
    let body = if [Method::POST, Method::PUT].contains(&call.request.method) {
        call.body()?
    } else {
        json!({})
    };
    let method = call.request.method.clone();
    let Some(project) = call.store.projects.get_mut(&id) else {
        return Err(Problem::no_route());
    };
    match (method, path) {
        (Method::GET, []) => Ok(Reply::json(StatusCode::OK, &json!(project.metadata))),
        (Method::POST, []) => {
            for key in body.as_object().into_iter().flat_map(|o| o.keys()) {
                if project.metadata.contains_key(key) {
                    return Err(Problem::conflict(format!("metadata {key} already exists")));
                }
            }
            projects::merge(&mut project.metadata, Some(&body));
            Ok(Reply::empty(StatusCode::OK))
        }
        (Method::GET, [key]) => match project.metadata.get(*key) {
            Some(value) => Ok(Reply::json(StatusCode::OK, &json!({ *key: value }))),
            None => Err(Problem::not_found(format!("metadata {key} not found"))),
        },
        (Method::PUT, [key]) => {
            if body.get(*key).is_none() {
                return Err(Problem::bad_request(format!("must contain the key {key}")));
            }
            projects::merge(&mut project.metadata, Some(&body));
            Ok(Reply::empty(StatusCode::OK))
        }
        (Method::DELETE, [key]) => {
            project.metadata.remove(*key);
            Ok(Reply::empty(StatusCode::OK))
        }
        _ => Err(Problem::method_not_allowed()),
    }
}
