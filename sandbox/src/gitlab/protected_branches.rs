//! `/projects/:id/protected_branches`.

use http::StatusCode;
use serde_json::{Value, json};

use super::Call;
use super::answers::{Answer, Refusal, created, no_content, ok};
use super::paging::page;
use super::world::{Project, ProtectedBranch};

const MAINTAINER: u64 = 40;

pub(crate) fn route(project: &mut Project, call: &Call<'_>, rest: &[&str], id: u64) -> Answer {
    match (call.method(), rest) {
        ("GET", []) => {
            let search = call.params.text("search").unwrap_or_default();
            let found = project.protected.iter().filter(|b| b.name.contains(&search));
            page(call, found.map(view).collect())
        }
        ("POST", []) => create(project, call, id),
        (_, [name]) => {
            let at = project
                .protected
                .iter()
                .position(|b| b.name == *name)
                .ok_or_else(Refusal::no_record)?;
            match call.method() {
                "GET" => ok(&project.protected.get(at).map(view).unwrap_or_default()),
                "PATCH" => update(project, call, at),
                "DELETE" => {
                    project.protected.remove(at);
                    no_content()
                }
                _ => Err(Refusal::no_such_route()),
            }
        }
        _ => Err(Refusal::no_such_route()),
    }
}

fn create(project: &mut Project, call: &Call<'_>, id: u64) -> Answer {
    let Some(name) = call.params.filled("name") else {
        return Err(Refusal::missing(&["name"]));
    };
    if project.protected.iter().any(|b| b.name == name) {
        let message = format!("Protected branch '{name}' already exists");
        return Err(Refusal::message(StatusCode::CONFLICT, &message));
    }
    let branch = ProtectedBranch {
        id,
        name,
        push_level: level(call, "push_access_level")?.unwrap_or(MAINTAINER),
        merge_level: level(call, "merge_access_level")?.unwrap_or(MAINTAINER),
        unprotect_level: level(call, "unprotect_access_level")?,
        allow_force_push: call.params.flag("allow_force_push").unwrap_or(false),
        code_owner_approval_required: call.params.flag("code_owner_approval_required").unwrap_or(false),
    };
    let body = view(&branch);
    project.protected.push(branch);
    created(&body)
}

fn update(project: &mut Project, call: &Call<'_>, at: usize) -> Answer {
    let branch = project.protected.get_mut(at).ok_or_else(Refusal::no_record)?;
    if let Some(force) = call.params.flag("allow_force_push") {
        branch.allow_force_push = force;
    }
    if let Some(required) = call.params.flag("code_owner_approval_required") {
        branch.code_owner_approval_required = required;
    }
    let first_level = |name: &str| call.params.value(name)?.get(0)?.get("access_level")?.as_u64();
    if let Some(level) = first_level("allowed_to_push") {
        branch.push_level = level;
    }
    if let Some(level) = first_level("allowed_to_merge") {
        branch.merge_level = level;
    }
    ok(&view(branch))
}

fn level(call: &Call<'_>, name: &str) -> Result<Option<u64>, Refusal> {
    match (call.params.has(name), call.params.number(name)) {
        (false, _) => Ok(None),
        (true, Some(level)) if [0, 30, 40, 60].contains(&level) => Ok(Some(level)),
        _ => Err(Refusal::error(
            StatusCode::BAD_REQUEST,
            &format!("{name} does not have a valid value"),
        )),
    }
}

/// What GitLab does by itself when a project gets its default branch.
pub(crate) fn protect_default(project: &mut Project, name: &str, id: u64) {
    if project.protected.iter().all(|b| b.name != name) {
        project.protected.push(ProtectedBranch {
            id,
            name: name.to_owned(),
            push_level: MAINTAINER,
            merge_level: MAINTAINER,
            unprotect_level: None,
            allow_force_push: false,
            code_owner_approval_required: false,
        });
    }
}

fn view(branch: &ProtectedBranch) -> Value {
    let levels = |offset: u64, level: u64| {
        let description = match level {
            0 => "No one",
            30 => "Developers + Maintainers",
            60 => "Instance admins",
            _ => "Maintainers",
        };
        json!([{
            "id": branch.id * 10 + offset, "access_level": level, "access_level_description": description,
            "deploy_key_id": null, "user_id": null, "group_id": null,
        }])
    };
    json!({
        "id": branch.id, "name": branch.name, "push_access_levels": levels(1, branch.push_level),
        "merge_access_levels": levels(2, branch.merge_level),
        "unprotect_access_levels": branch.unprotect_level.map_or(json!([]), |l| levels(3, l)),
        "allow_force_push": branch.allow_force_push, "inherited": false,
        "code_owner_approval_required": branch.code_owner_approval_required,
    })
}
