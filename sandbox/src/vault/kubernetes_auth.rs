//! The Kubernetes auth method: its configuration and roles. Nobody logs in through it here.

use serde_json::{Value, json};

use super::problem::Problem;
use super::{Answer, Call, Operation, data, keys, no_content, seconds, strings};

pub(super) fn route(call: &mut Call<'_>, mount: &str, path: &str) -> Answer {
    let operation = call.operation;
    let body = if operation == Operation::Write {
        call.body()?
    } else {
        Value::Null
    };
    let Some(method) = call.store.auth.get_mut(mount) else {
        return Err(Problem::no_route(path));
    };
    match (path.trim_end_matches('/'), operation) {
        ("config", Operation::Read) => match &method.config {
            Some(config) => Ok(data(config.clone())),
            None => Err(Problem::not_found()),
        },
        ("config", Operation::Write) => {
            if body
                .get("kubernetes_host")
                .and_then(Value::as_str)
                .is_none_or(str::is_empty)
            {
                return Err(Problem::bad_request("no host provided"));
            }
            let reviewer = body
                .get("token_reviewer_jwt")
                .and_then(Value::as_str)
                .is_some_and(|j| !j.is_empty());
            let or = |field: &str, default: Value| body.get(field).cloned().unwrap_or(default);
            method.config = Some(json!({
                "kubernetes_host": or("kubernetes_host", json!("")),
                "kubernetes_ca_cert": or("kubernetes_ca_cert", json!("")),
                "disable_local_ca_jwt": or("disable_local_ca_jwt", json!(false)),
                "disable_iss_validation": or("disable_iss_validation", json!(true)),
                "issuer": or("issuer", json!("")), "pem_keys": or("pem_keys", json!([])),
                "token_reviewer_jwt_set": reviewer,
            }));
            Ok(no_content())
        }
        ("role", Operation::List) => keys(method.roles.keys()),
        (path, operation) => {
            let name = path
                .strip_prefix("role/")
                .ok_or_else(|| Problem::no_route(path))?;
            match operation {
                Operation::Read => match method.roles.get(name) {
                    Some(role) => Ok(data(role.clone())),
                    None => Err(Problem::not_found()),
                },
                Operation::Write => {
                    let role = role(method.roles.get(name), &body)?;
                    method.roles.insert(name.to_owned(), role);
                    Ok(no_content())
                }
                Operation::Delete => {
                    method.roles.remove(name);
                    Ok(no_content())
                }
                _ => Err(Problem::unsupported()),
            }
        }
    }
}

/// The role as read back: fields that the request lacks keep what they had.
fn role(before: Option<&Value>, body: &Value) -> Result<Value, Problem> {
    let kept = |field: &str, default: Value| before.and_then(|b| b.get(field)).cloned().unwrap_or(default);
    let list = |field: &str| strings(body, field).map_or_else(|| kept(field, json!([])), |l| json!(l));
    let ttl = |field: &str| -> Result<Value, Problem> {
        Ok(seconds(body, field)?.map_or_else(|| kept(field, json!(0)), |s| json!(s)))
    };
    let names = list("bound_service_account_names");
    let namespaces = list("bound_service_account_namespaces");
    let selector = body
        .get("bound_service_account_namespace_selector")
        .and_then(Value::as_str)
        .unwrap_or("");
    let empty = |v: &Value| v.as_array().is_none_or(Vec::is_empty);
    if empty(&names) {
        return Err(Problem::bad_request(
            "\"bound_service_account_names\" can not be empty",
        ));
    }
    if empty(&namespaces) && selector.is_empty() {
        return Err(Problem::bad_request(
            "\"bound_service_account_namespaces\" can not be empty if \"bound_service_account_namespace_selector\" is not set",
        ));
    }
    let policies = strings(body, "token_policies")
        .or_else(|| strings(body, "policies"))
        .map_or_else(|| kept("token_policies", json!([])), |l| json!(l));
    let plain =
        |field: &str, default: Value| body.get(field).cloned().unwrap_or_else(|| kept(field, default));
    let mut role = json!({
        "alias_name_source": plain("alias_name_source", json!("serviceaccount_uid")),
        "bound_service_account_names": names, "bound_service_account_namespaces": namespaces,
        "bound_service_account_namespace_selector": selector,
        "token_bound_cidrs": list("token_bound_cidrs"), "token_explicit_max_ttl": ttl("token_explicit_max_ttl")?,
        "token_max_ttl": ttl("token_max_ttl")?, "token_no_default_policy": plain("token_no_default_policy", json!(false)),
        "token_num_uses": plain("token_num_uses", json!(0)), "token_period": ttl("token_period")?,
        "token_policies": policies, "token_ttl": ttl("token_ttl")?,
        "token_type": plain("token_type", json!("default")),
    });
    if let (Some(audience), Some(fields)) = (body.get("audience"), role.as_object_mut()) {
        fields.insert("audience".to_owned(), audience.clone());
    }
    Ok(role)
}
