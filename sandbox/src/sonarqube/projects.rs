//! `api/projects`, `api/components`, `api/project_tags`.

use serde_json::{Value, json};

use super::answers::{Answer, Refusal, at_most, no_content, ok, page, required};
use super::world::{Project, World};
use crate::params::Params;

pub(crate) fn create(world: &mut World, params: &Params) -> Answer {
    let name = required(params, "name")?;
    let key = required(params, "project")?;
    at_most("name", &name, 500)?;
    at_most("project", &key, 400)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    if !key.chars().all(allowed) || key.chars().all(|c| c.is_ascii_digit()) {
        return Err(Refusal::bad(&format!(
            "Malformed key for Project: '{key}'. Allowed characters are alphanumeric, '-', '_', '.' and ':', with at \
             least one non-digit."
        )));
    }
    let visibility = visibility(params)?.unwrap_or_else(|| "public".to_owned());
    if let Some(same) = world.projects.keys().find(|k| k.eq_ignore_ascii_case(&key)) {
        return Err(Refusal::bad(&format!(
            "Could not create Project with key: \"{key}\". A similar key already exists: \"{same}\""
        )));
    }
    let project = Project {
        key: key.clone(),
        name,
        visibility,
        tags: Vec::new(),
        gate: None,
    };
    let body = json!({"project": view(&project)});
    world.projects.insert(key, project);
    ok(&body)
}

pub(crate) fn search(world: &mut World, params: &Params) -> Answer {
    let q = params.text("q").unwrap_or_default().to_lowercase();
    let keys = params.list("projects");
    let visibility = visibility(params)?;
    let mut found: Vec<&Project> = world
        .projects
        .values()
        .filter(|p| p.key.to_lowercase().contains(&q) || p.name.to_lowercase().contains(&q))
        .filter(|p| keys.as_ref().is_none_or(|keys| keys.contains(&p.key)))
        .filter(|p| visibility.as_ref().is_none_or(|v| p.visibility == *v))
        .collect();
    found.sort_by_key(|p| p.name.to_lowercase());
    let (paging, components) = page(params, found.into_iter().map(view).collect())?;
    ok(&json!({"paging": paging, "components": components}))
}

pub(crate) fn delete(world: &mut World, params: &Params) -> Answer {
    let key = required(params, "project")?;
    find(world, &key)?;
    world.projects.remove(&key);
    world.tokens.retain(|t| t.project.as_ref() != Some(&key));
    world.webhooks.retain(|w| w.project.as_ref() != Some(&key));
    world.analyses.retain(|a| a.project != key);
    no_content()
}

pub(crate) fn update_visibility(world: &mut World, params: &Params) -> Answer {
    let key = required(params, "project")?;
    required(params, "visibility")?;
    let visibility = visibility(params)?.unwrap_or_default();
    find(world, &key)?;
    if let Some(project) = world.projects.get_mut(&key) {
        project.visibility = visibility;
    }
    no_content()
}

pub(crate) fn show(world: &mut World, params: &Params) -> Answer {
    let key = required(params, "component")?;
    let missing = || Refusal::not_found(&format!("Component key '{key}' not found"));
    let project = world.projects.get(&key).ok_or_else(missing)?;
    let component = json!({
        "key": project.key, "name": project.name, "qualifier": "TRK", "tags": project.tags,
        "visibility": project.visibility, "needIssueSync": false,
    });
    ok(&json!({"component": component, "ancestors": []}))
}

pub(crate) fn set_tags(world: &mut World, params: &Params) -> Answer {
    let key = required(params, "project")?;
    if !params.has("tags") {
        return Err(Refusal::bad("The 'tags' parameter is missing"));
    }
    let mut tags = params.list("tags").unwrap_or_default();
    let valid = |tag: &String| {
        tag.chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-#.".contains(c))
    };
    for tag in &mut tags {
        *tag = tag.to_lowercase();
        if !valid(tag) {
            return Err(Refusal::bad(&format!(
                "Tag '{tag}' is invalid. Tags accept only the characters: a-z, 0-9, '+', '-', '#', '.'"
            )));
        }
    }
    tags.sort();
    tags.dedup();
    find(world, &key)?;
    if let Some(project) = world.projects.get_mut(&key) {
        project.tags = tags;
    }
    no_content()
}

/// The project of this key, or SonarQube's 404.
pub(crate) fn find<'w>(world: &'w World, key: &str) -> Result<&'w Project, Refusal> {
    world
        .projects
        .get(key)
        .ok_or_else(|| Refusal::not_found(&format!("Project '{key}' not found")))
}

fn visibility(params: &Params) -> Result<Option<String>, Refusal> {
    match params.filled("visibility") {
        Some(v) if v != "public" && v != "private" => Err(Refusal::bad(&format!(
            "Value of parameter 'visibility' ({v}) must be one of: [private, public]"
        ))),
        visibility => Ok(visibility),
    }
}

fn view(project: &Project) -> Value {
    json!({
        "key": project.key, "name": project.name, "qualifier": "TRK", "visibility": project.visibility,
    })
}
