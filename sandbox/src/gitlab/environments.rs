//! `/projects/:id/environments`.

use http::StatusCode;
use serde_json::{Value, json};

use super::Call;
use super::answers::{Answer, Refusal, created, no_content, ok};
use super::commit_changes::digest;
use super::paging::page;
use super::world::{Environment, Project, now};

const TIERS: &[&str] = &["production", "staging", "testing", "development", "other"];

pub(crate) fn route(project: &mut Project, call: &Call<'_>, rest: &[&str], id: u64) -> Answer {
    match (call.method(), rest) {
        ("GET", []) => list(project, call),
        ("POST", []) => create(project, call, id),
        (_, [id, rest @ ..]) => {
            let found = id
                .parse()
                .ok()
                .and_then(|id: u64| project.environments.get_mut(&id));
            let environment = found.ok_or_else(Refusal::no_record)?;
            match (call.method(), rest) {
                ("GET", []) => ok(&view(environment)),
                ("PUT", []) => update(environment, call),
                ("POST", ["stop"]) => {
                    environment.available = false;
                    ok(&view(environment))
                }
                ("DELETE", []) if environment.available => {
                    Err(Refusal::message(StatusCode::FORBIDDEN, "403 Forbidden"))
                }
                ("DELETE", []) => {
                    let id = environment.id;
                    project.environments.remove(&id);
                    no_content()
                }
                _ => Err(Refusal::no_such_route()),
            }
        }
        _ => Err(Refusal::no_such_route()),
    }
}

fn list(project: &Project, call: &Call<'_>) -> Answer {
    let name = call.params.filled("name");
    let search = call.params.filled("search").map(|s| s.to_lowercase());
    if name.is_some() && search.is_some() {
        return Err(Refusal::error(
            StatusCode::BAD_REQUEST,
            "name, search are mutually exclusive",
        ));
    }
    let states = call.params.filled("states");
    let mut found: Vec<&Environment> = project
        .environments
        .values()
        .filter(|e| name.as_ref().is_none_or(|n| e.name == *n))
        .filter(|e| search.as_ref().is_none_or(|s| e.name.to_lowercase().contains(s)))
        .filter(|e| states.as_ref().is_none_or(|s| s == state(e)))
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    page(call, found.into_iter().map(view).collect())
}

fn create(project: &mut Project, call: &Call<'_>, id: u64) -> Answer {
    if !call.params.has("name") {
        return Err(Refusal::missing(&["name"]));
    }
    let name = call.params.text("name").unwrap_or_default();
    let allowed =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | '$' | '{' | '}' | '.' | ' ');
    if name.trim().is_empty() {
        return Err(Refusal::invalid("name", "can't be blank"));
    }
    if name.len() > 255 || !name.chars().all(allowed) || name.starts_with('/') || name.ends_with('/') {
        let rule = "can contain only letters, digits, '-', '_', '/', '$', '{', '}', '.', and spaces, but it \
                    cannot start or end with '/'";
        return Err(Refusal::invalid("name", rule));
    }
    if project.environments.values().any(|e| e.name == name) {
        return Err(Refusal::invalid("name", "has already been taken"));
    }
    let environment = Environment {
        id,
        slug: slug(&name),
        external_url: call.params.filled("external_url"),
        tier: tier(call)?.unwrap_or_else(|| guess_tier(&name).to_owned()),
        description: call.params.text("description"),
        available: true,
        created_at: now(),
        name,
    };
    let body = view(&environment);
    project.environments.insert(id, environment);
    created(&body)
}

fn update(environment: &mut Environment, call: &Call<'_>) -> Answer {
    if let Some(tier) = tier(call)? {
        environment.tier = tier;
    }
    if call.params.has("external_url") {
        environment.external_url = call.params.filled("external_url");
    }
    if call.params.has("description") {
        environment.description = call.params.text("description");
    }
    ok(&view(environment))
}

fn tier(call: &Call<'_>) -> Result<Option<String>, Refusal> {
    match call.params.filled("tier") {
        Some(tier) if !TIERS.contains(&tier.as_str()) => Err(Refusal::error(
            StatusCode::BAD_REQUEST,
            "tier does not have a valid value",
        )),
        tier => Ok(tier),
    }
}

/// The tier that GitLab reads off a name.
fn guess_tier(name: &str) -> &'static str {
    let name = name.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|w| name.contains(w));
    if has(&["dev", "review", "trunk"]) {
        "development"
    } else if has(&["test", "tst", "int", "ac", "qa", "qc", "control", "quality"]) {
        "testing"
    } else if has(&["st", "model", "pre", "demo", "non"]) {
        "staging"
    } else if has(&["pr", "live"]) {
        "production"
    } else {
        "other"
    }
}

/// A DNS-safe name of at most 24 characters; a digest keeps it unique where the name does not survive.
fn slug(name: &str) -> String {
    let mut plain: String = name
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    if !plain.starts_with(|c: char| c.is_ascii_lowercase()) {
        plain.insert_str(0, "env-");
    }
    if plain == name && plain.len() <= 24 {
        return plain;
    }
    let short: String = plain.chars().take(17).collect();
    let suffix: String = digest(&[name]).chars().take(6).collect();
    format!("{}-{suffix}", short.trim_end_matches('-'))
}

fn state(environment: &Environment) -> &'static str {
    if environment.available {
        "available"
    } else {
        "stopped"
    }
}

fn view(environment: &Environment) -> Value {
    json!({
        "id": environment.id, "name": environment.name, "slug": environment.slug,
        "external_url": environment.external_url, "description": environment.description,
        "state": state(environment), "tier": environment.tier, "created_at": environment.created_at,
        "updated_at": environment.created_at, "auto_stop_at": null, "auto_stop_setting": "always",
    })
}
