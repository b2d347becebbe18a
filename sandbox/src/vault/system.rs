//! `sys/`: health, mounts, auth methods.

use chrono::Utc;
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::problem::Problem;
use super::store::{AuthKind, AuthMount, Engine};
use super::{Answer, Call, Operation, data, envelope, no_content, str_of, strings};
use crate::Reply;

const VERSION: &str = "2.7.2";
const CLUSTER: &str = "00000000-0000-4000-8000-000000000001";

pub(super) fn health() -> Reply {
    Reply::json(
        StatusCode::OK,
        &json!({ "initialized": true, "sealed": false, "standby": false,
                 "server_time_utc": Utc::now().timestamp(), "version": VERSION,
                 "cluster_name": "sandbox", "cluster_id": CLUSTER }),
    )
}

pub(super) fn seal_status() -> Reply {
    Reply::json(
        StatusCode::OK,
        &json!({ "type": "shamir", "initialized": true, "sealed": false, "t": 1, "n": 1, "progress": 0,
                 "nonce": "", "version": VERSION, "migration": false, "cluster_name": "sandbox",
                 "cluster_id": CLUSTER, "recovery_seal": false, "storage_type": "inmem" }),
    )
}

pub(super) fn route(call: &mut Call<'_>, path: &str) -> Answer {
    let path = path.trim_end_matches('/');
    let (kind, mount) = path.split_once('/').unwrap_or((path, ""));
    let body = if call.operation == Operation::Write {
        call.body()?
    } else {
        Value::Null
    };
    match (kind, call.operation) {
        ("mounts", Operation::Read) if mount.is_empty() => Ok(table(mounts(call))),
        ("auth", Operation::Read) if mount.is_empty() => Ok(table(methods(call))),
        ("mounts" | "auth", _) if mount.is_empty() => Err(Problem::unsupported()),
        ("mounts", Operation::Read) => one(&mounts(call), mount, "No secret engine mount at"),
        ("auth", Operation::Read) => one(&methods(call), mount, "No auth engine at"),
        ("mounts", Operation::Write) => enable_engine(call, &format!("{mount}/"), &body),
        ("auth", Operation::Write) => enable_method(call, &format!("{mount}/"), &body),
        ("mounts", Operation::Delete) => {
            call.store.engines.remove(&format!("{mount}/"));
            Ok(no_content())
        }
        ("auth", Operation::Delete) => {
            call.store.auth.remove(&format!("{mount}/"));
            Ok(no_content())
        }
        ("capabilities-self", Operation::Write) => {
            let paths = strings(&body, "paths")
                .or_else(|| strings(&body, "path"))
                .unwrap_or_default();
            let of = |path: &String| {
                let found = call.store.capabilities(&call.token, path);
                if found.is_empty() {
                    json!(["deny"])
                } else {
                    json!(found)
                }
            };
            let mut answer: Map<String, Value> = paths.iter().map(|p| (p.clone(), of(p))).collect();
            let first = paths.first().map(of).unwrap_or_default();
            answer.insert("capabilities".to_owned(), first);
            Ok(data(Value::Object(answer)))
        }
        _ => Err(Problem::no_route(&format!("sys/{path}"))),
    }
}

/// A table stands in `data`, and beside it for clients of old.
fn table(entries: Map<String, Value>) -> Reply {
    let mut answer = envelope(Value::Object(entries.clone()), Value::Null);
    if let Some(fields) = answer.as_object_mut() {
        fields.extend(entries);
    }
    Reply::json(StatusCode::OK, &answer)
}

fn one(table: &Map<String, Value>, mount: &str, message: &str) -> Answer {
    match table.get(&format!("{mount}/")) {
        Some(entry) => Ok(data(entry.clone())),
        None => Err(Problem::bad_request(format!("{message} {mount}/"))),
    }
}

fn entry(kind: &str, description: &str, uuid: &str, options: Value) -> Value {
    json!({ "type": kind, "description": description, "uuid": uuid, "options": options, "local": false,
            "accessor": format!("{kind}_{}", uuid.get(..8).unwrap_or_default()), "seal_wrap": false,
            "external_entropy_access": false, "plugin_version": "", "running_sha256": "",
            "running_plugin_version": format!("v{VERSION}+builtin.bao"), "deprecation_status": "supported",
            "config": { "default_lease_ttl": 0, "max_lease_ttl": 0, "force_no_cache": false } })
}

fn mounts(call: &Call<'_>) -> Map<String, Value> {
    let engines = call.store.engines.iter();
    let mut out: Map<String, Value> = engines
        .map(|(path, engine)| {
            (
                path.clone(),
                entry("kv", &engine.description, &engine.uuid, json!({ "version": "2" })),
            )
        })
        .collect();
    for (path, kind, description) in [
        ("cubbyhole/", "cubbyhole", "per-token private secret storage"),
        ("identity/", "identity", "identity store"),
        (
            "sys/",
            "system",
            "system endpoints used for control, policy and debugging",
        ),
    ] {
        out.insert(path.to_owned(), entry(kind, description, CLUSTER, Value::Null));
    }
    out
}

fn methods(call: &Call<'_>) -> Map<String, Value> {
    let kind = |kind| match kind {
        AuthKind::Kubernetes => "kubernetes",
        AuthKind::AppRole => "approle",
    };
    let methods = call.store.auth.iter();
    let mut out: Map<String, Value> = methods
        .map(|(path, m)| {
            (
                path.clone(),
                entry(kind(m.kind), &m.description, &m.uuid, json!({})),
            )
        })
        .collect();
    out.insert(
        "token/".to_owned(),
        entry("token", "token based credentials", CLUSTER, Value::Null),
    );
    out
}

fn enable_engine(call: &mut Call<'_>, mount: &str, body: &Value) -> Answer {
    let kind = str_of(body, "type").unwrap_or_default();
    let version = body
        .pointer("/options/version")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if kind != "kv-v2" && (kind != "kv" || version != "2") {
        return Err(Problem::bad_request(format!(
            "plugin not found in the catalog: {kind}: this sandbox has KV version 2 only"
        )));
    }
    let taken = call
        .store
        .engines
        .keys()
        .find(|m| mount.starts_with(m.as_str()) || m.starts_with(mount));
    if let Some(taken) = taken {
        return Err(Problem::bad_request(format!("path is already in use at {taken}")));
    }
    let description = str_of(body, "description").unwrap_or_default();
    call.store
        .engines
        .insert(mount.to_owned(), Engine::new(description));
    Ok(no_content())
}

fn enable_method(call: &mut Call<'_>, mount: &str, body: &Value) -> Answer {
    let kind = match str_of(body, "type").unwrap_or_default() {
        "kubernetes" => AuthKind::Kubernetes,
        "approle" => AuthKind::AppRole,
        other => {
            return Err(Problem::bad_request(format!(
                "plugin not found in the catalog: {other}"
            )));
        }
    };
    if call.store.auth.contains_key(mount) || mount == "token/" {
        return Err(Problem::bad_request(format!("path is already in use at {mount}")));
    }
    let description = str_of(body, "description").unwrap_or_default().to_owned();
    call.store
        .auth
        .insert(mount.to_owned(), AuthMount::new(kind, description));
    Ok(no_content())
}
