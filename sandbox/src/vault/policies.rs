//! `sys/policies/acl`, and `sys/policy`, its older name.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::acl::Rules;
use super::problem::Problem;
use super::store::Policy;
use super::{Answer, Call, Operation, data, no_content, str_of};

pub(super) fn route(call: &mut Call<'_>, path: &str) -> Answer {
    let (old, name) = match path.trim_end_matches('/') {
        "policies/acl" => (false, None),
        "policy" => (true, None),
        path => match (path.strip_prefix("policies/acl/"), path.strip_prefix("policy/")) {
            (Some(name), _) => (false, Some(name.to_lowercase())),
            (_, Some(name)) => (true, Some(name.to_lowercase())),
            _ => return Err(Problem::no_route(&format!("sys/{path}"))),
        },
    };
    match (call.operation, name) {
        (Operation::List, None) => Ok(data(list(call, false))),
        (Operation::Read, None) if old => Ok(data(list(call, true))),
        (Operation::Read, Some(name)) => {
            let field = if old { "rules" } else { "policy" };
            if name == "root" {
                return Ok(data(json!({ "name": "root", field: "" })));
            }
            let policy = call.store.policies.get(&name).ok_or_else(Problem::not_found)?;
            Ok(data(json!({ "name": name, field: policy.text })))
        }
        (Operation::Write, Some(name)) => write(call, name),
        (Operation::Delete, Some(name)) => {
            if ["root", "default"].contains(&name.as_str()) {
                return Err(Problem::bad_request(format!("cannot delete \"{name}\" policy")));
            }
            call.store.policies.remove(&name);
            Ok(no_content())
        }
        _ => Err(Problem::unsupported()),
    }
}

fn list(call: &Call<'_>, old: bool) -> serde_json::Value {
    let mut names: Vec<&str> = call.store.policies.keys().map(String::as_str).collect();
    names.push("root");
    if old {
        json!({ "keys": names, "policies": names })
    } else {
        json!({ "keys": names })
    }
}

fn write(call: &mut Call<'_>, name: String) -> Answer {
    if name == "root" {
        return Err(Problem::bad_request("cannot update \"root\" policy"));
    }
    let body = call.body()?;
    let text = str_of(&body, "policy")
        .or_else(|| str_of(&body, "rules"))
        .unwrap_or_default();
    if text.is_empty() {
        return Err(Problem::bad_request("'policy' parameter not supplied or empty"));
    }
    // The server takes the policy in base64 as well.
    let decoded = STANDARD
        .decode(text)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let text = decoded.unwrap_or_else(|| text.to_owned());
    let rules = Rules::parse(&text)
        .map_err(|reason| Problem::bad_request(format!("failed to parse policy: {reason}")))?;
    call.store.policies.insert(name, Policy { text, rules });
    Ok(no_content())
}
