//! `/groups`.

use serde_json::{Value, json};

use super::Call;
use super::answers::{Answer, Refusal, created, ok, set};
use super::paging::page;
use super::world::{Group, World, now};
use super::{deletion, projects};

pub(crate) const PATH_RULE: &str = "can contain only letters, digits, '_', '-' and '.'. Cannot start with '-', \
                                    end in '.git' or end in '.atom'";

/// Top-level paths that GitLab's own pages have.
const RESERVED: &[&str] = &[
    "admin",
    "api",
    "assets",
    "dashboard",
    "explore",
    "files",
    "groups",
    "health_check",
    "help",
    "import",
    "jwt",
    "login",
    "oauth",
    "profile",
    "projects",
    "public",
    "s",
    "search",
    "sitemap",
    "snippets",
    "unsubscribe",
    "uploads",
    "users",
    "v2",
];

pub(crate) fn route(world: &mut World, call: &Call<'_>, rest: &[&str]) -> Answer {
    match (call.method(), rest) {
        ("GET", []) => list(world, call),
        ("POST", []) => create(world, call),
        (_, [id]) => {
            let id = find(world, id)?;
            match call.method() {
                "GET" => show(world, call, id),
                "PUT" => update(world, call, id),
                "DELETE" => deletion::of_group(world, call, id),
                _ => Err(Refusal::no_such_route()),
            }
        }
        ("GET", [id, "projects"]) => {
            let id = find(world, id)?;
            projects::list(world, call, |p| p.namespace_id == id)
        }
        ("GET", [id, "subgroups"]) => {
            let id = find(world, id)?;
            let of = world.groups.values().filter(|g| g.parent_id == Some(id));
            page(call, of.map(|g| view(g, call.base())).collect())
        }
        _ => Err(Refusal::no_such_route()),
    }
}

fn find(world: &World, id: &str) -> Result<u64, Refusal> {
    world.find_group(id).ok_or_else(|| Refusal::not_found("Group"))
}

fn list(world: &World, call: &Call<'_>) -> Answer {
    let search = call.params.text("search").unwrap_or_default().to_lowercase();
    let top_level_only = call.params.flag("top_level_only").unwrap_or(false);
    let mut groups: Vec<&Group> = world
        .groups
        .values()
        .filter(|g| g.name.to_lowercase().contains(&search) || g.path.to_lowercase().contains(&search))
        .filter(|g| !top_level_only || g.parent_id.is_none())
        .collect();
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    page(call, groups.into_iter().map(|g| view(g, call.base())).collect())
}

fn show(world: &World, call: &Call<'_>, id: u64) -> Answer {
    let group = world.groups.get(&id).ok_or_else(|| Refusal::not_found("Group"))?;
    let mut body = view(group, call.base());
    if call.params.flag("with_projects").unwrap_or(true) {
        let of = world.projects.values().filter(|p| p.namespace_id == id);
        set(
            &mut body,
            "projects",
            of.map(|p| projects::view(world, p, call.base())).collect(),
        );
        set(&mut body, "shared_projects", json!([]));
    }
    ok(&body)
}

fn create(world: &mut World, call: &Call<'_>) -> Answer {
    let missing: Vec<&str> = ["name", "path"]
        .into_iter()
        .filter(|n| !call.params.has(n))
        .collect();
    if !missing.is_empty() {
        return Err(Refusal::missing(&missing));
    }
    let name = call.params.text("name").unwrap_or_default();
    let path = call.params.text("path").unwrap_or_default();
    let parent_id = call.params.number("parent_id");
    if name.trim().is_empty() {
        return Err(unsaved("name", "can't be blank"));
    }
    if !valid_path(&path) {
        return Err(unsaved("path", PATH_RULE));
    }
    if parent_id.is_none() && RESERVED.contains(&path.as_str()) {
        return Err(unsaved("path", &format!("{path} is a reserved name")));
    }
    let full_path = match parent_id {
        None => path.clone(),
        Some(parent) => {
            let parent = world
                .groups
                .get(&parent)
                .ok_or_else(|| Refusal::not_found("Group"))?;
            format!("{}/{path}", parent.full_path)
        }
    };
    if full_path == "root" || taken(world, &full_path, None) {
        return Err(unsaved("path", "has already been taken"));
    }
    if is_too_long(call) {
        return Err(unsaved("description", TOO_LONG));
    }
    let group = Group {
        id: world.next_id(),
        name,
        path,
        full_path,
        parent_id,
        description: call.params.text("description").unwrap_or_default(),
        visibility: call
            .params
            .text("visibility")
            .unwrap_or_else(|| "private".to_owned()),
        created_at: now(),
        marked_on: None,
    };
    let body = view(&group, call.base());
    world.groups.insert(group.id, group);
    created(&body)
}

const TOO_LONG: &str = "is too long (maximum is 255 characters)";

fn is_too_long(call: &Call<'_>) -> bool {
    let description = call.params.text("description").unwrap_or_default();
    description.chars().count() > 255
}

fn update(world: &mut World, call: &Call<'_>, id: u64) -> Answer {
    if is_too_long(call) {
        return Err(Refusal::invalid("description", TOO_LONG));
    }
    let new_path = call.params.filled("path");
    if let Some(path) = &new_path {
        if !valid_path(path) {
            return Err(Refusal::invalid("path", PATH_RULE));
        }
        let parent = world
            .groups
            .get(&id)
            .and_then(|g| g.parent_id)
            .and_then(|p| world.groups.get(&p));
        let full_path = parent.map_or_else(|| path.clone(), |p| format!("{}/{path}", p.full_path));
        if taken(world, &full_path, Some(id)) {
            return Err(Refusal::invalid("path", "has already been taken"));
        }
        rename_below(world, id, &full_path);
    }
    let group = world
        .groups
        .get_mut(&id)
        .ok_or_else(|| Refusal::not_found("Group"))?;
    if let Some(path) = new_path {
        group.path = path;
    }
    if let Some(name) = call.params.filled("name") {
        group.name = name;
    }
    if let Some(description) = call.params.text("description") {
        group.description = description;
    }
    if let Some(visibility) = call.params.text("visibility") {
        group.visibility = visibility;
    }
    ok(&view(group, call.base()))
}

/// Gives a group and the groups in it their new full paths.
pub(super) fn rename_below(world: &mut World, id: u64, full_path: &str) {
    let children: Vec<(u64, String)> = world
        .groups
        .values()
        .filter(|g| g.parent_id == Some(id))
        .map(|g| (g.id, format!("{full_path}/{}", g.path)))
        .collect();
    let inside = world.projects.values().filter(|p| p.namespace_id == id);
    let inside: Vec<u64> = inside.map(|p| p.id).collect();
    for project in inside {
        world.moved_from(project);
    }
    if let Some(group) = world.groups.get_mut(&id) {
        full_path.clone_into(&mut group.full_path);
    }
    for (child, path) in children {
        rename_below(world, child, &path);
    }
}

/// Whether another group or a project has this path.
fn taken(world: &World, full_path: &str, except: Option<u64>) -> bool {
    world
        .find_group_path(full_path)
        .is_some_and(|id| Some(id) != except)
        || world.find_project_path(full_path).is_some()
}

/// What GitLab lets a path be.
pub(crate) fn valid_path(path: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    !path.is_empty()
        && path.chars().all(allowed)
        && !path.starts_with(['-', '.'])
        && !path.ends_with('.')
        && !path.ends_with(".git")
        && !path.ends_with(".atom")
}

/// How `POST /groups` reports a model error: the errors printed as a Ruby hash.
fn unsaved(field: &str, why: &str) -> Refusal {
    Refusal::bad(&format!(
        "Failed to save group {{:{field}=>[{}]}}",
        Value::from(why)
    ))
}

pub(crate) fn view(group: &Group, base: &str) -> Value {
    let id = group.id;
    json!({
        "id": id, "web_url": format!("{base}/groups/{}", group.full_path), "name": group.name,
        "path": group.path, "description": group.description, "visibility": group.visibility,
        "share_with_group_lock": false, "require_two_factor_authentication": false,
        "project_creation_level": "developer", "subgroup_creation_level": "maintainer",
        "emails_disabled": false, "emails_enabled": true, "mentions_disabled": null, "lfs_enabled": true,
        "default_branch": null, "avatar_url": null, "request_access_enabled": true,
        "full_name": group.name, "full_path": group.full_path, "created_at": group.created_at,
        "parent_id": group.parent_id, "marked_for_deletion_on": group.marked_on, "archived": false,
    })
}
