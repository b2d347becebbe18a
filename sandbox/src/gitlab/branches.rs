//! `/projects/:id/repository/branches`.

use http::StatusCode;
use serde_json::{Value, json};

use super::Call;
use super::answers::{Answer, Refusal, created, no_content, ok};
use super::paging::page;
use super::repository::{commit_view, valid_branch_name};
use super::world::Project;

pub(crate) fn route(project: &mut Project, call: &Call<'_>, rest: &[&str]) -> Answer {
    match (call.method(), rest) {
        ("GET", []) => {
            let search = call.params.text("search").unwrap_or_default();
            let names = project.branches.keys().filter(|n| n.contains(&search));
            page(call, names.filter_map(|name| view(project, name)).collect())
        }
        ("POST", []) => create(project, call),
        ("GET", [name]) => ok(&view(project, name).ok_or_else(|| Refusal::not_found("Branch"))?),
        ("DELETE", [name]) => delete(project, name),
        _ => Err(Refusal::no_such_route()),
    }
}

fn create(project: &mut Project, call: &Call<'_>) -> Answer {
    let missing: Vec<&str> = ["branch", "ref"]
        .into_iter()
        .filter(|n| !call.params.has(n))
        .collect();
    if !missing.is_empty() {
        return Err(Refusal::missing(&missing));
    }
    let name = call.params.text("branch").unwrap_or_default();
    let reference = call.params.text("ref").unwrap_or_default();
    if !valid_branch_name(&name) {
        return Err(Refusal::bad("Branch name is invalid"));
    }
    if project.branches.contains_key(&name) {
        return Err(Refusal::bad("Branch already exists"));
    }
    let Some(sha) = project.resolve(&reference).map(|c| c.sha.clone()) else {
        return Err(Refusal::bad(&format!("Invalid reference name: {reference}")));
    };
    project.branches.insert(name.clone(), sha);
    created(&view(project, &name).unwrap_or_default())
}

fn delete(project: &mut Project, name: &str) -> Answer {
    if !project.branches.contains_key(name) {
        return Err(Refusal::not_found("Branch"));
    }
    if project.default_branch.as_deref() == Some(name) {
        return Err(Refusal::message(
            StatusCode::METHOD_NOT_ALLOWED,
            "Cannot remove HEAD branch",
        ));
    }
    if project.protected.iter().any(|p| p.name == name) {
        return Err(Refusal::message(
            StatusCode::METHOD_NOT_ALLOWED,
            "Protected branch can't be removed",
        ));
    }
    project.branches.remove(name);
    no_content()
}

fn view(project: &Project, name: &str) -> Option<Value> {
    let commit = project.commits.get(project.branches.get(name)?)?;
    let protected = project.protected.iter().any(|p| p.name == name);
    Some(json!({
        "name": name, "commit": commit_view(commit), "merged": false, "protected": protected,
        "developers_can_push": !protected, "developers_can_merge": !protected, "can_push": true,
        "default": project.default_branch.as_deref() == Some(name),
    }))
}
