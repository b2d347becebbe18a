//! What the server says about itself: version, groups, resources.

use http::StatusCode;
use serde_json::{Value, json};

use super::kinds::{KINDS, Kind};
use crate::{Reply, Request};

pub(super) fn version() -> Reply {
    Reply::json(
        StatusCode::OK,
        &json!({ "major": "1", "minor": "34", "gitVersion": "v1.34.0+sandbox", "gitTreeState": "clean",
                 "gitCommit": "0000000000000000000000000000000000000000",
                 "buildDate": "2026-01-01T00:00:00Z", "goVersion": "go1.25", "compiler": "gc",
                 "platform": "linux/amd64" }),
    )
}

pub(super) fn answer(request: &Request, segments: &[&str]) -> Option<Reply> {
    let body = match segments {
        ["api"] => {
            let authority = request.base_url.split("://").nth(1).unwrap_or_default();
            let server = authority.split('/').next().unwrap_or_default();
            json!({ "kind": "APIVersions", "versions": ["v1"],
                    "serverAddressByClientCIDRs": [{ "clientCIDR": "0.0.0.0/0", "serverAddress": server }] })
        }
        ["api", "v1"] => resources(""),
        ["apis"] => {
            let groups: Vec<Value> = names().into_iter().map(group).collect();
            json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
        }
        ["apis", name] if names().contains(name) => {
            let mut body = group(name);
            if let Some(fields) = body.as_object_mut() {
                fields.insert("kind".to_owned(), json!("APIGroup"));
                fields.insert("apiVersion".to_owned(), json!("v1"));
            }
            body
        }
        ["apis", name, "v1"] if names().contains(name) => resources(name),
        _ => return None,
    };
    Some(Reply::json(StatusCode::OK, &body))
}

fn names() -> Vec<&'static str> {
    let mut names: Vec<&str> = KINDS.iter().map(|k| k.group).filter(|g| !g.is_empty()).collect();
    names.dedup();
    names
}

fn group(name: &str) -> Value {
    let version = json!({ "groupVersion": format!("{name}/v1"), "version": "v1" });
    json!({ "name": name, "versions": [version], "preferredVersion": version })
}

fn resources(group: &str) -> Value {
    let describe = |kind: &Kind| {
        let mut resource = json!({ "name": kind.plural, "singularName": kind.singular, "kind": kind.kind,
                                   "namespaced": kind.namespaced,
                                   "verbs": ["create", "delete", "get", "list", "patch", "update"] });
        if let (false, Some(fields)) = (kind.short.is_empty(), resource.as_object_mut()) {
            fields.insert("shortNames".to_owned(), json!(kind.short));
        }
        resource
    };
    let list: Vec<Value> = KINDS.iter().filter(|k| k.group == group).map(describe).collect();
    let version = if group.is_empty() {
        "v1".to_owned()
    } else {
        format!("{group}/v1")
    };
    json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": list })
}
