//! Deletion that only begins at once: what is deleted is marked, renamed out of the way, and kept for some days.
//!
//! An instance may also refuse to cut those days short (GitLab 18.5, `allow_immediate_namespaces_deletion`).

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::answers::{Answer, Refusal, accepted};
use super::world::{World, today};
use super::{Call, groups};
use crate::admin::refuse;
use crate::{Reply, Request};

/// What deleting does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Deletion {
    /// It is gone at once.
    #[default]
    Immediate,
    /// It is marked; `permanently_remove` deletes a marked one at once.
    Delayed,
    /// It is marked, and nobody cuts the days short.
    Retained,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    deletion: Deletion,
}

/// `POST /deletion`: how this instance deletes from now on.
pub(super) fn operate(world: &mut World, request: &Request) -> Option<Reply> {
    if request.method != Method::POST || request.path != "/deletion" {
        return None;
    }
    match serde_json::from_slice::<Asked>(&request.body) {
        Ok(asked) => world.deletion = asked.deletion,
        Err(error) => return Some(refuse(StatusCode::BAD_REQUEST, &error.to_string())),
    }
    Some(Reply::json(StatusCode::OK, &json!({})))
}

/// The path of what waits for its deletion.
fn out_of_the_way(path: &str, id: u64) -> String {
    format!("{path}-deletion_scheduled-{id}")
}

/// Whether the call asks for a deletion without waiting, and may.
fn at_once(
    world: &World,
    call: &Call<'_>,
    what: &str,
    full_path: &str,
    marked: bool,
) -> Result<bool, Refusal> {
    if call.params.flag("permanently_remove") != Some(true) {
        return Ok(false);
    }
    if world.deletion == Deletion::Retained {
        return Err(Refusal::bad(
            "`permanently_remove` option is not available anymore",
        ));
    }
    if world.deletion == Deletion::Delayed && !marked {
        return Err(Refusal::bad(&format!(
            "{what} must be marked for deletion first."
        )));
    }
    if call.params.text("full_path").as_deref() != Some(full_path) {
        let kind = if what == "Project" { "project" } else { "subgroup" };
        return Err(Refusal::bad(&format!(
            "`full_path` is incorrect. You must enter the complete path for the {kind}."
        )));
    }
    Ok(true)
}

/// `DELETE /projects/:id`.
pub(super) fn of_project(world: &mut World, call: &Call<'_>, id: u64) -> Answer {
    let project = world
        .projects
        .get(&id)
        .ok_or_else(|| Refusal::not_found("Project"))?;
    let full_path = world.project_path(project);
    let marked = project.marked_on.is_some();
    if at_once(world, call, "Project", &full_path, marked)? || world.deletion == Deletion::Immediate {
        world.projects.remove(&id);
        return accepted();
    }
    if marked {
        return Err(Refusal::bad("Project has been already marked for deletion"));
    }
    world.moved_from(id);
    if let Some(project) = world.projects.get_mut(&id) {
        project.marked_on = Some(today());
        project.path = out_of_the_way(&project.path, id);
        project.name = out_of_the_way(&project.name, id);
    }
    accepted()
}

/// `DELETE /groups/:id`.
pub(super) fn of_group(world: &mut World, call: &Call<'_>, id: u64) -> Answer {
    let group = world.groups.get(&id).ok_or_else(|| Refusal::not_found("Group"))?;
    let (full_path, marked) = (group.full_path.clone(), group.marked_on.is_some());
    // One on top is never deleted at once where it is kept for some days.
    let on_top = group.parent_id.is_none() && world.deletion != Deletion::Immediate;
    let at_once = at_once(world, call, "Group", &full_path, marked)?;
    if at_once && on_top {
        return Err(Refusal::bad(
            "`permanently_remove` option is only available for subgroups.",
        ));
    }
    if at_once || world.deletion == Deletion::Immediate {
        world.remove_group(id);
        return accepted();
    }
    if marked {
        return Err(Refusal::bad("Group has been already marked for deletion"));
    }
    groups::rename_below(world, id, &out_of_the_way(&full_path, id));
    if let Some(group) = world.groups.get_mut(&id) {
        group.marked_on = Some(today());
        group.path = out_of_the_way(&group.path, id);
    }
    accepted()
}
