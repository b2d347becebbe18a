//! `/robots`.

use chrono::{Duration, Utc};
use http::{Method, StatusCode, header};
use serde_json::{Value, json};

use super::paging::{Filter, page};
use super::problem::Problem;
use super::store::{Robot, Store};
use super::{Answer, Call, is_name, now, str_of};
use crate::Reply;

pub(super) fn route(call: &mut Call<'_>, path: &[&str]) -> Answer {
    call.require_signed_in()?;
    match (call.request.method.clone(), path) {
        (Method::GET, []) => list(call),
        (Method::POST, []) => create(call),
        (method, [id]) => {
            let id = id.parse::<i64>().map_err(|_| {
                Problem::unprocessable(format!("robot_id in path must be of type int64: \"{id}\""))
            })?;
            match method {
                Method::GET => {
                    let robot = permitted(call, id, "read")?;
                    Ok(Reply::json(StatusCode::OK, &render(call.store, robot)))
                }
                Method::PUT => update(call, id),
                Method::PATCH => refresh(call, id),
                Method::DELETE => {
                    permitted(call, id, "delete")?;
                    call.store.robots.remove(&id);
                    Ok(Reply::empty(StatusCode::OK))
                }
                _ => Err(Problem::method_not_allowed()),
            }
        }
        _ => Err(Problem::no_route()),
    }
}

impl Robot {
    /// Whether one of its permissions covers this.
    pub(super) fn may(&self, project: Option<&str>, resource: &str, action: &str) -> bool {
        self.permissions.as_array().into_iter().flatten().any(|permission| {
            let namespace = str_of(permission, "namespace").unwrap_or_default();
            let covers = match project {
                Some(project) => {
                    str_of(permission, "kind") == Some("project") && (namespace == "*" || namespace == project)
                }
                None => str_of(permission, "kind") == Some("system"),
            };
            let accesses = permission.get("access").and_then(Value::as_array);
            covers
                && accesses.into_iter().flatten().any(|access| {
                    let fits = |field, wanted: &str| matches!(str_of(access, field), Some(v) if v == wanted || v == "*");
                    fits("resource", resource) && fits("action", action)
                        && str_of(access, "effect").unwrap_or("allow") != "deny"
                })
        })
    }
}

fn render(store: &Store, robot: &Robot) -> Value {
    json!({ "id": robot.id, "name": store.robot_name(robot), "description": robot.description,
            "level": robot.level, "duration": robot.duration, "expires_at": robot.expires_at,
            "disable": robot.disabled, "editable": true, "permissions": robot.permissions,
            "creator_type": "local", "creator_ref": 1,
            "creation_time": robot.created, "update_time": robot.updated })
}

fn require(call: &Call<'_>, project: Option<i64>, action: &str) -> Result<(), Problem> {
    call.require(project.map(|p| call.store.project_name(p)), "robot", action)
}

fn permitted<'a>(call: &'a Call<'_>, id: i64, action: &str) -> Result<&'a Robot, Problem> {
    let robot = call
        .store
        .robots
        .get(&id)
        .ok_or_else(|| Problem::not_found(format!("robot {id} not found")))?;
    require(call, robot.project, action)?;
    Ok(robot)
}

/// Without `Level` in `q` the system's robots are meant, and `Level=project` needs `ProjectID`.
fn list(call: &Call<'_>) -> Answer {
    let filter = Filter::of(call.request)?;
    let level = filter.exact("level").unwrap_or("system");
    let project = match level {
        "system" => None,
        "project" => {
            let id = filter
                .exact("project_id")
                .ok_or_else(|| Problem::bad_request("must with project ID when to query project robots"))?;
            Some(
                id.parse::<i64>()
                    .map_err(|_| Problem::bad_request("Project ID must be int type."))?,
            )
        }
        _ => return Err(Problem::bad_request("bad request error level input")),
    };
    require(call, project, "list")?;
    let items = call
        .store
        .robots
        .values()
        .filter(|r| r.level == level && r.project == project)
        .filter(|r| {
            let full = call.store.robot_name(r);
            let stored = full.strip_prefix("robot$").unwrap_or(&full);
            filter.passes("name", &[&full, stored, &r.name])
        })
        .map(|r| render(call.store, r))
        .collect();
    page(call, items)
}

/// Level, duration and permissions, as creation and update check them; the project of a project robot.
fn checked(call: &Call<'_>, body: &Value) -> Result<Option<i64>, Problem> {
    let level = str_of(body, "level").unwrap_or_default();
    let duration = body.get("duration").and_then(Value::as_i64).unwrap_or_default();
    if duration < -1 || duration == 0 || duration > i64::from(i32::MAX) {
        return Err(Problem::bad_request(format!(
            "bad request error duration input: {duration}"
        )));
    }
    if !["system", "project"].contains(&level) {
        return Err(Problem::bad_request(format!(
            "bad request error level input: {level}"
        )));
    }
    let no_permissions = Vec::new();
    let permissions = body
        .get("permissions")
        .and_then(Value::as_array)
        .unwrap_or(&no_permissions);
    if permissions.is_empty() {
        return Err(Problem::bad_request("bad request empty permission"));
    }
    let empty = |p: &Value| {
        p.get("access")
            .and_then(Value::as_array)
            .is_none_or(Vec::is_empty)
    };
    if permissions.iter().any(empty) {
        return Err(Problem::bad_request("bad request empty access"));
    }
    if level == "system" {
        return Ok(None);
    }
    let [permission] = permissions.as_slice() else {
        return Err(Problem::bad_request("bad request permission"));
    };
    if str_of(permission, "kind") != Some("project") {
        return Err(Problem::bad_request("bad request permission kind"));
    }
    let namespace = str_of(permission, "namespace").unwrap_or_default();
    call.store
        .project_named(namespace)
        .map(|p| Some(p.id))
        .ok_or_else(|| Problem::not_found(format!("project {namespace} not found")))
}

fn create(call: &mut Call<'_>) -> Answer {
    let body = call.body()?;
    let name = str_of(&body, "name").unwrap_or_default().to_owned();
    if !is_name(&name, 255) {
        return Err(Problem::bad_request(
            "robot name is not in lower case or contains illegal characters",
        ));
    }
    let project = checked(call, &body)?;
    require(call, project, "create")?;
    if call
        .store
        .robots
        .values()
        .any(|r| r.name == name && r.project == project)
    {
        return Err(Problem::conflict(format!("robot account {name} already exists")));
    }
    let secret = match str_of(&body, "secret") {
        Some(secret) if !secret.is_empty() => strong(secret)?,
        _ => generate(),
    };
    let duration = body.get("duration").and_then(Value::as_i64).unwrap_or(-1);
    let id = call.store.next_id();
    let robot = Robot {
        id,
        name,
        description: str_of(&body, "description").unwrap_or_default().to_owned(),
        level: str_of(&body, "level").unwrap_or_default().to_owned(),
        project,
        duration,
        expires_at: expiry(duration),
        disabled: body.get("disable").and_then(Value::as_bool).unwrap_or_default(),
        secret: secret.clone(),
        permissions: body.get("permissions").cloned().unwrap_or_default(),
        created: now(),
        updated: now(),
    };
    let answer = json!({ "id": id, "name": call.store.robot_name(&robot), "secret": secret,
                         "creation_time": robot.created, "expires_at": robot.expires_at });
    call.store.robots.insert(id, robot);
    let location = call.location(&format!("/robots/{id}"));
    Ok(Reply::json(StatusCode::CREATED, &answer).with_header(header::LOCATION, &location))
}

fn expiry(duration: i64) -> i64 {
    if duration < 0 {
        -1
    } else {
        (Utc::now() + Duration::days(duration)).timestamp()
    }
}

fn update(call: &mut Call<'_>, id: i64) -> Answer {
    let robot = permitted(call, id, "update")?;
    let (level, name) = (robot.level.clone(), call.store.robot_name(robot));
    let body = call.body()?;
    let project = checked(call, &body)?;
    if str_of(&body, "level") != Some(&level) || str_of(&body, "name") != Some(&name) {
        return Err(Problem::bad_request("cannot update the level or name of robot"));
    }
    if let Some(robot) = call.store.robots.get_mut(&id) {
        let duration = body.get("duration").and_then(Value::as_i64).unwrap_or(-1);
        if duration != robot.duration {
            robot.duration = duration;
            robot.expires_at = expiry(duration);
        }
        robot.project = project;
        robot.description = str_of(&body, "description").unwrap_or_default().to_owned();
        robot.disabled = body.get("disable").and_then(Value::as_bool).unwrap_or_default();
        robot.permissions = body.get("permissions").cloned().unwrap_or_default();
        robot.updated = now();
    }
    Ok(Reply::empty(StatusCode::OK))
}

/// A new secret: the given one, or a generated one that only this answer tells.
fn refresh(call: &mut Call<'_>, id: i64) -> Answer {
    permitted(call, id, "update")?;
    let body = call.body()?;
    let (secret, told) = match str_of(&body, "secret") {
        Some(given) if !given.is_empty() => (strong(given)?, String::new()),
        _ => {
            let secret = generate();
            (secret.clone(), secret)
        }
    };
    if let Some(robot) = call.store.robots.get_mut(&id) {
        robot.secret = secret;
        robot.updated = now();
    }
    Ok(Reply::json(StatusCode::OK, &json!({ "secret": told })))
}

fn strong(secret: &str) -> Result<String, Problem> {
    let has = |test: fn(&char) -> bool| secret.chars().any(|c| test(&c));
    let strong = (8..=128).contains(&secret.len())
        && has(char::is_ascii_lowercase)
        && has(char::is_ascii_uppercase)
        && has(char::is_ascii_digit);
    if strong {
        Ok(secret.to_owned())
    } else {
        Err(Problem::bad_request(
            "the secret must be 8-128, inclusively, characters long with at least 1 uppercase letter, \
             1 lowercase letter and 1 number",
        ))
    }
}

fn generate() -> String {
    // Random, and strong by Harbor's own rule whatever the digits turn out to be.
    format!("Rb1{}", uuid::Uuid::new_v4().simple())
}
