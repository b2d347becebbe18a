//! `/projects`: the project itself; what is in it goes to its own module.

use http::StatusCode;
use serde_json::{Value, json};

use super::answers::{Answer, Refusal, created, moved, ok, set};
use super::paging::page;
use super::world::{Project, ROOT_NAMESPACE, World, now};
use super::{Call, branches, commit_changes, deletion, environments, groups, hooks, project_params};
use super::{protected_branches, repository, variables};

/// Paths that GitLab's pages have below every project.
const RESERVED: &[&str] = &[
    "badges",
    "blame",
    "blob",
    "builds",
    "commits",
    "create",
    "create_dir",
    "edit",
    "files",
    "find_file",
    "new",
    "preview",
    "raw",
    "refs",
    "tree",
    "update",
    "wikis",
];

pub(crate) fn route(world: &mut World, call: &Call<'_>, rest: &[&str]) -> Answer {
    let (id, rest) = match rest {
        [] => {
            return match call.method() {
                "GET" => list(world, call, |_| true),
                "POST" => create(world, call),
                _ => Err(Refusal::no_such_route()),
            };
        }
        [id, rest @ ..] => match (world.find_project(id), world.find_moved(id)) {
            (Some(id), _) => (id, rest),
            (None, Some(now)) => return Err(moved(call.request, now, rest)),
            (None, None) => return Err(Refusal::not_found("Project")),
        },
    };
    if rest.is_empty() {
        return match call.method() {
            "GET" => show(world, call, id),
            "PUT" => update(world, call, id),
            "DELETE" => deletion::of_project(world, call, id),
            _ => Err(Refusal::no_such_route()),
        };
    }
    let project_id = id;
    let id = world.next_id();
    let project = world
        .projects
        .get_mut(&project_id)
        .ok_or_else(|| Refusal::not_found("Project"))?;
    match rest {
        ["repository", "branches", rest @ ..] => branches::route(project, call, rest),
        ["repository", rest @ ..] => repository::route(project, call, rest, id),
        ["protected_branches", rest @ ..] => protected_branches::route(project, call, rest, id),
        ["environments", rest @ ..] => environments::route(project, call, rest, id),
        ["variables", rest @ ..] => variables::route(project, call, rest),
        ["hooks", rest @ ..] => hooks::route(project, call, rest, id),
        _ => Err(Refusal::no_such_route()),
    }
}

pub(crate) fn list(world: &World, call: &Call<'_>, within: impl Fn(&Project) -> bool) -> Answer {
    let search = call.params.text("search").unwrap_or_default().to_lowercase();
    let fits =
        |p: &&Project| p.name.to_lowercase().contains(&search) || p.path.to_lowercase().contains(&search);
    // GitLab lists the newest first.
    let projects = world.projects.values().rev().filter(|p| within(p)).filter(fits);
    page(call, projects.map(|p| view(world, p, call.base())).collect())
}

fn show(world: &World, call: &Call<'_>, id: u64) -> Answer {
    let project = world
        .projects
        .get(&id)
        .ok_or_else(|| Refusal::not_found("Project"))?;
    ok(&view(world, project, call.base()))
}

fn create(world: &mut World, call: &Call<'_>) -> Answer {
    let given_name = call.params.filled("name");
    let given_path = call.params.filled("path");
    let Some(name) = given_name.clone().or_else(|| given_path.clone()) else {
        return Err(Refusal::error(
            StatusCode::BAD_REQUEST,
            "name, path are missing, at least one parameter must be provided",
        ));
    };
    let path = given_path.unwrap_or_else(|| project_params::path_of_name(&name));
    if !groups::valid_path(&path) {
        return Err(Refusal::invalid("path", groups::PATH_RULE));
    }
    if RESERVED.contains(&path.as_str()) {
        return Err(Refusal::invalid("path", &format!("{path} is a reserved name")));
    }
    let namespace_id = call.params.number("namespace_id").unwrap_or(ROOT_NAMESPACE);
    let Some(namespace) = world.namespace_path(namespace_id).map(str::to_owned) else {
        return Err(Refusal::invalid("namespace", "is not valid"));
    };
    taken(world, namespace_id, &namespace, Some(&name), Some(&path), None)?;
    let settings = project_params::settings(&call.params)?;
    let mut project = Project {
        id: world.next_id(),
        name,
        path,
        namespace_id,
        created_at: now(),
        default_branch: None,
        settings,
        branches: Default::default(),
        commits: Default::default(),
        protected: Vec::new(),
        environments: Default::default(),
        variables: Vec::new(),
        hooks: Default::default(),
        marked_on: None,
    };
    if call.params.flag("initialize_with_readme") == Some(true) {
        let branch = call
            .params
            .filled("default_branch")
            .unwrap_or_else(|| "main".to_owned());
        let id = world.next_id();
        commit_changes::initialise(&mut project, &branch, id);
    }
    let body = view(world, &project, call.base());
    world.projects.insert(project.id, project);
    created(&body)
}

/// Refuses a name or path that a sibling has, with the fields that GitLab blames.
fn taken(
    world: &World,
    namespace_id: u64,
    namespace: &str,
    name: Option<&str>,
    path: Option<&str>,
    except: Option<u64>,
) -> Result<(), Refusal> {
    const TAKEN: &str = "has already been taken";
    let mut siblings = world
        .projects
        .values()
        .filter(|p| p.namespace_id == namespace_id && Some(p.id) != except);
    let path_taken = path.is_some_and(|path| {
        siblings.clone().any(|p| p.path.eq_ignore_ascii_case(path))
            || world.find_group_path(&format!("{namespace}/{path}")).is_some()
    });
    let name_taken = name.is_some_and(|name| siblings.any(|p| p.name.eq_ignore_ascii_case(name)));
    let mut fields = Vec::new();
    if name_taken {
        fields.extend([("project_namespace.name", TAKEN), ("name", TAKEN)]);
    }
    if path_taken {
        fields.push(("path", TAKEN));
    }
    if fields.is_empty() {
        Ok(())
    } else {
        Err(Refusal::invalid_fields(&fields))
    }
}

fn update(world: &mut World, call: &Call<'_>, id: u64) -> Answer {
    let name = call.params.filled("name");
    let path = call.params.filled("path");
    let project = world
        .projects
        .get(&id)
        .ok_or_else(|| Refusal::not_found("Project"))?;
    if let Some(path) = &path
        && !groups::valid_path(path)
    {
        return Err(Refusal::invalid("path", groups::PATH_RULE));
    }
    let namespace = world.namespace_path(project.namespace_id).unwrap_or_default();
    taken(
        world,
        project.namespace_id,
        namespace,
        name.as_deref(),
        path.as_deref(),
        Some(id),
    )?;
    let default_branch = call.params.filled("default_branch");
    if let Some(branch) = &default_branch
        && !project.branches.contains_key(branch)
    {
        return Err(Refusal::invalid("base", "Could not set the default branch"));
    }
    let settings = project_params::settings(&call.params)?;
    if path.is_some() {
        world.moved_from(id);
    }
    let project = world
        .projects
        .get_mut(&id)
        .ok_or_else(|| Refusal::not_found("Project"))?;
    project.settings.extend(settings);
    if let Some(name) = name {
        project.name = name;
    }
    if let Some(path) = path {
        project.path = path;
    }
    if default_branch.is_some() {
        project.default_branch = default_branch;
    }
    show(world, call, id)
}

pub(crate) fn view(world: &World, project: &Project, base: &str) -> Value {
    let path = world.project_path(project);
    let namespace = world.namespace_path(project.namespace_id).unwrap_or_default();
    let group = world.groups.get(&project.namespace_id);
    let web_url = format!("{base}/{path}");
    let namespace_name = group.map_or("Administrator", |g| g.name.as_str());
    let mut body = json!({
        "id": project.id, "name": project.name, "path": project.path, "path_with_namespace": path,
        "name_with_namespace": format!("{namespace_name} / {}", project.name),
        "description": null, "visibility": "private", "created_at": project.created_at,
        "last_activity_at": project.created_at, "default_branch": project.default_branch,
        "tag_list": [], "topics": [], "web_url": web_url, "http_url_to_repo": format!("{web_url}.git"),
        "ssh_url_to_repo": format!("git@127.0.0.1:{path}.git"), "readme_url": null, "avatar_url": null,
        "forks_count": 0, "star_count": 0, "archived": false, "empty_repo": project.branches.is_empty(),
        "creator_id": 1, "import_status": "none", "open_issues_count": 0,
        "marked_for_deletion_at": project.marked_on, "marked_for_deletion_on": project.marked_on, "shared_with_groups": [],
        "namespace": {
            "id": project.namespace_id, "name": namespace_name, "kind": if group.is_some() { "group" } else { "user" },
            "path": namespace.rsplit('/').next(), "full_path": namespace,
            "parent_id": group.and_then(|g| g.parent_id), "avatar_url": null,
            "web_url": format!("{base}/groups/{namespace}"),
        },
        "permissions": {"project_access": null, "group_access": {"access_level": 50, "notification_level": 3}},
    });
    for (name, value) in &project.settings {
        set(&mut body, name, value.clone());
        if name == "topics" {
            set(&mut body, "tag_list", value.clone());
        }
    }
    body
}
