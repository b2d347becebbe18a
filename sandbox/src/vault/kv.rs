//! KV v2: versioned secrets.

use chrono::{SecondsFormat, Utc};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::problem::Problem;
use super::store::{Engine, Secret, Version};
use super::{Answer, Call, Operation, data, envelope, keys, no_content};
use crate::Reply;

/// How many versions are kept where nobody says otherwise.
const MAX_VERSIONS: u64 = 10;

fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Nanos, true)
}

pub(super) fn route(call: &mut Call<'_>, mount: &str, path: &str) -> Answer {
    let body = match call.operation {
        Operation::Write | Operation::Patch => call.body()?,
        _ => Value::Null,
    };
    let wanted = call
        .request
        .query_value("version")
        .and_then(|v| v.parse::<u64>().ok())
        .unwrap_or(0);
    let operation = call.operation;
    let Some(engine) = call.store.engines.get_mut(mount) else {
        return Err(Problem::no_route(path));
    };
    let (kind, name) = path.split_once('/').unwrap_or((path, ""));
    match (kind, operation) {
        ("config", Operation::Read) => Ok(data(json!({
            "max_versions": engine.max_versions, "cas_required": engine.cas_required,
            "delete_version_after": "0s" }))),
        ("config", Operation::Write) => {
            if let Some(max) = body.get("max_versions").and_then(Value::as_u64) {
                engine.max_versions = max;
            }
            if let Some(required) = body.get("cas_required").and_then(Value::as_bool) {
                engine.cas_required = required;
            }
            Ok(no_content())
        }
        ("metadata", Operation::List) => list(engine, name),
        _ if name.is_empty() || name.ends_with('/') => Err(Problem::unsupported()),
        ("data", Operation::Read) => read(engine, name, wanted),
        ("data", Operation::Write) => write(engine, name, &body),
        ("data", Operation::Patch) => patch(engine, name, &body),
        ("data", Operation::Delete) => {
            let current = engine.secrets.get(name).map(|s| s.current);
            mark(engine, name, current, |v| v.deleted = Some(now()));
            Ok(no_content())
        }
        ("delete", Operation::Write) => {
            mark(engine, name, versions(&body)?, |v| v.deleted = Some(now()));
            Ok(no_content())
        }
        ("undelete", Operation::Write) => {
            mark(engine, name, versions(&body)?, |v| v.deleted = None);
            Ok(no_content())
        }
        ("destroy", Operation::Write) => {
            mark(engine, name, versions(&body)?, |v| {
                v.destroyed = true;
                v.data = None;
            });
            Ok(no_content())
        }
        ("metadata", Operation::Read) => read_metadata(engine, name),
        ("metadata", Operation::Write) => {
            let secret = engine.secrets.entry(name.to_owned()).or_insert_with(|| Secret {
                created: now(),
                updated: now(),
                ..Secret::default()
            });
            describe(secret, &body)
        }
        ("metadata", Operation::Patch) => describe(
            engine.secrets.get_mut(name).ok_or_else(Problem::not_found)?,
            &body,
        ),
        ("metadata", Operation::Delete) => {
            engine.secrets.remove(name);
            Ok(no_content())
        }
        ("data" | "delete" | "undelete" | "destroy" | "config", _) => Err(Problem::unsupported()),
        _ => Err(Problem::missing(format!(
            "Invalid path for a versioned K/V secrets engine: {path}. Use data/, metadata/ or another prefix."
        ))),
    }
}

fn metadata_of(secret: &Secret, number: u64, version: &Version) -> Value {
    json!({ "created_time": version.created, "custom_metadata": secret.custom_metadata,
            "deletion_time": version.deleted.clone().unwrap_or_default(),
            "destroyed": version.destroyed, "version": number })
}

fn read(engine: &Engine, name: &str, wanted: u64) -> Answer {
    let secret = engine.secrets.get(name).ok_or_else(Problem::not_found)?;
    let number = if wanted == 0 { secret.current } else { wanted };
    let version = secret.versions.get(&number).ok_or_else(Problem::not_found)?;
    let gone = version.deleted.is_some() || version.destroyed;
    let content = if gone { None } else { version.data.as_ref() };
    let body = json!({ "data": content, "metadata": metadata_of(secret, number, version) });
    // A deleted version is a 404 that still tells when it was deleted.
    let status = if gone {
        StatusCode::NOT_FOUND
    } else {
        StatusCode::OK
    };
    Ok(Reply::json(status, &envelope(body, Value::Null)))
}

fn check_and_set(engine: &Engine, name: &str, body: &Value) -> Result<(), Problem> {
    let secret = engine.secrets.get(name);
    let current = secret.map_or(0, |s| s.current);
    match body.pointer("/options/cas") {
        None | Some(Value::Null) => {
            let required = engine.cas_required || secret.is_some_and(|s| s.cas_required);
            if required {
                return Err(Problem::bad_request(
                    "check-and-set parameter required for this call",
                ));
            }
            Ok(())
        }
        Some(cas) if cas.as_u64() == Some(current) => Ok(()),
        Some(_) => Err(Problem::bad_request(
            "check-and-set parameter did not match the current version",
        )),
    }
}

fn write(engine: &mut Engine, name: &str, body: &Value) -> Answer {
    let content = body
        .get("data")
        .filter(|d| !d.is_null())
        .ok_or_else(|| Problem::bad_request("no data provided"))?;
    if !content.is_object() {
        return Err(Problem::bad_request(
            "error converting input for field \"data\": expected a map",
        ));
    }
    check_and_set(engine, name, body)?;
    let limit = engine.max_versions;
    let secret = engine.secrets.entry(name.to_owned()).or_insert_with(|| Secret {
        created: now(),
        ..Secret::default()
    });
    secret.current += 1;
    secret.updated = now();
    let version = Version {
        data: Some(content.clone()),
        created: now(),
        ..Version::default()
    };
    let answer = metadata_of(secret, secret.current, &version);
    secret.versions.insert(secret.current, version);
    let limit = [secret.max_versions, limit, MAX_VERSIONS]
        .into_iter()
        .find(|l| *l > 0)
        .unwrap_or(MAX_VERSIONS);
    let oldest = secret.current.saturating_sub(limit);
    secret.versions.retain(|number, _| *number > oldest);
    Ok(data(answer))
}

fn patch(engine: &mut Engine, name: &str, body: &Value) -> Answer {
    let secret = engine.secrets.get(name).ok_or_else(Problem::not_found)?;
    let version = secret
        .versions
        .get(&secret.current)
        .filter(|v| v.deleted.is_none() && !v.destroyed);
    let mut content = version
        .and_then(|v| v.data.clone())
        .ok_or_else(Problem::not_found)?;
    crate::kubernetes::patch::merge(&mut content, body.get("data").unwrap_or(&Value::Null));
    let options = body.get("options").cloned().unwrap_or_default();
    write(engine, name, &json!({ "data": content, "options": options }))
}

fn versions(body: &Value) -> Result<Vec<u64>, Problem> {
    let numbers: Vec<u64> = match body.get("versions") {
        Some(Value::Array(items)) => items
            .iter()
            .filter_map(|i| i.as_u64().or_else(|| i.as_str()?.parse().ok()))
            .collect(),
        _ => vec![],
    };
    if numbers.is_empty() {
        Err(Problem::bad_request("No version number provided"))
    } else {
        Ok(numbers)
    }
}

fn mark(
    engine: &mut Engine,
    name: &str,
    numbers: impl IntoIterator<Item = u64>,
    change: impl Fn(&mut Version),
) {
    let Some(secret) = engine.secrets.get_mut(name) else {
        return;
    };
    for number in numbers {
        if let Some(version) = secret.versions.get_mut(&number).filter(|v| !v.destroyed) {
            change(version);
        }
    }
}

fn list(engine: &Engine, below: &str) -> Answer {
    let prefix = if below.is_empty() {
        String::new()
    } else {
        format!("{}/", below.trim_end_matches('/'))
    };
    let mut names: Vec<String> = engine
        .secrets
        .keys()
        .filter_map(|name| name.strip_prefix(&prefix))
        .map(|rest| match rest.split_once('/') {
            Some((folder, _)) => format!("{folder}/"),
            None => rest.to_owned(),
        })
        .collect();
    names.sort();
    names.dedup();
    keys(names)
}

fn read_metadata(engine: &Engine, name: &str) -> Answer {
    let secret = engine.secrets.get(name).ok_or_else(Problem::not_found)?;
    let versions: Map<String, Value> = secret
        .versions
        .iter()
        .map(|(number, v)| {
            let entry = json!({ "created_time": v.created, "destroyed": v.destroyed,
                                "deletion_time": v.deleted.clone().unwrap_or_default() });
            (number.to_string(), entry)
        })
        .collect();
    let oldest = secret
        .versions
        .keys()
        .next()
        .copied()
        .filter(|_| secret.current > MAX_VERSIONS)
        .unwrap_or(0);
    Ok(data(json!({
        "cas_required": secret.cas_required, "created_time": secret.created, "updated_time": secret.updated,
        "current_version": secret.current, "oldest_version": oldest, "max_versions": secret.max_versions,
        "custom_metadata": secret.custom_metadata, "delete_version_after": "0s", "versions": versions,
    })))
}

fn describe(secret: &mut Secret, body: &Value) -> Answer {
    if let Some(custom) = body.get("custom_metadata") {
        let only_strings = custom
            .as_object()
            .is_some_and(|o| o.values().all(Value::is_string));
        if !custom.is_null() && !only_strings {
            return Err(Problem::bad_request("custom_metadata values must be strings"));
        }
        secret.custom_metadata = if custom.is_null() {
            None
        } else {
            Some(custom.clone())
        };
    }
    if let Some(max) = body.get("max_versions").and_then(Value::as_u64) {
        secret.max_versions = max;
    }
    if let Some(required) = body.get("cas_required").and_then(Value::as_bool) {
        secret.cas_required = required;
    }
    secret.updated = now();
    Ok(no_content())
}
