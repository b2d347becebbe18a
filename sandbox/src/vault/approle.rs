//! The AppRole auth method: roles, their ids and secret ids, and the login with them.

use chrono::{DateTime, Utc};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::problem::Problem;
use super::store::{AppRole, SecretId, Store};
use super::{Answer, Call, Operation, data, envelope, keys, no_content, seconds, str_of, strings, tokens};
use crate::Reply;

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
    let segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).collect();
    let (name, rest) = match segments.as_slice() {
        ["role"] if operation == Operation::List => return keys(method.app_roles.keys()),
        ["role", name, rest @ ..] => (*name, rest),
        _ => return Err(Problem::no_route(path)),
    };
    if rest.is_empty() {
        return match operation {
            Operation::Read => {
                let role = method.app_roles.get(name).ok_or_else(Problem::not_found)?;
                Ok(data(Value::Object(role.settings.clone())))
            }
            Operation::Write => {
                let settings = settings(method.app_roles.get(name), &body)?;
                let role = method
                    .app_roles
                    .entry(name.to_owned())
                    .or_insert_with(|| AppRole {
                        role_id: uuid::Uuid::new_v4().to_string(),
                        ..AppRole::default()
                    });
                role.settings = settings;
                Ok(no_content())
            }
            Operation::Delete => {
                method.app_roles.remove(name);
                Ok(no_content())
            }
            _ => Err(Problem::unsupported()),
        };
    }
    let role = method.app_roles.get_mut(name);
    match (rest, operation) {
        (["role-id"], Operation::Read) => {
            let role = role.ok_or_else(Problem::not_found)?;
            Ok(data(json!({ "role_id": role.role_id })))
        }
        (["role-id"], Operation::Write) => {
            let id = str_of(&body, "role_id").filter(|id| !id.is_empty());
            let id = id.ok_or_else(|| Problem::bad_request("missing role_id"))?;
            role.ok_or_else(|| unknown(name))?.role_id = id.to_owned();
            Ok(no_content())
        }
        (["secret-id"], Operation::Write) => issue(role.ok_or_else(|| unknown(name))?, &body),
        (["secret-id"], Operation::List) => {
            let role = role.ok_or_else(|| unknown(name))?;
            keys(role.secret_ids.values().map(|s| s.accessor.clone()))
        }
        (["secret-id", "lookup"], Operation::Write) => {
            let role = role.ok_or_else(|| unknown(name))?;
            match str_of(&body, "secret_id").and_then(|id| role.secret_ids.get(id)) {
                Some(secret) => Ok(data(render(secret))),
                None => Ok(no_content()),
            }
        }
        (["secret-id", "destroy"], Operation::Write) => {
            let id = str_of(&body, "secret_id").ok_or_else(|| Problem::bad_request("missing secret_id"))?;
            role.ok_or_else(|| unknown(name))?.secret_ids.remove(id);
            Ok(no_content())
        }
        (["secret-id-accessor", action @ ("lookup" | "destroy")], Operation::Write) => {
            let role = role.ok_or_else(|| unknown(name))?;
            let accessor = str_of(&body, "secret_id_accessor").unwrap_or_default();
            let found = role.secret_ids.iter().find(|(_, s)| s.accessor == accessor);
            let (id, secret) = found
                .map(|(id, secret)| (id.clone(), secret.clone()))
                .ok_or_else(|| {
                    Problem::missing(format!(
                        "failed to find accessor entry for secret_id_accessor: \"{accessor}\""
                    ))
                })?;
            if *action == "lookup" {
                return Ok(data(render(&secret)));
            }
            role.secret_ids.remove(&id);
            Ok(no_content())
        }
        (["secret-id" | "role-id" | "secret-id-accessor", ..], _) => Err(Problem::unsupported()),
        _ => Err(Problem::no_route(path)),
    }
}

fn unknown(role: &str) -> Problem {
    Problem::missing(format!("role \"{role}\" does not exist"))
}

/// The role as read back: fields that the request lacks keep what they had.
fn settings(before: Option<&AppRole>, body: &Value) -> Result<Map<String, Value>, Problem> {
    let kept = |field: &str, default: Value| {
        before
            .and_then(|b| b.settings.get(field))
            .cloned()
            .unwrap_or(default)
    };
    let mut out = Map::new();
    for field in ["secret_id_bound_cidrs", "token_bound_cidrs"] {
        let value = strings(body, field).map_or_else(|| kept(field, json!([])), |l| json!(l));
        out.insert(field.to_owned(), value);
    }
    for field in [
        "secret_id_ttl",
        "token_ttl",
        "token_max_ttl",
        "token_period",
        "token_explicit_max_ttl",
    ] {
        let value = seconds(body, field)?.map_or_else(|| kept(field, json!(0)), |s| json!(s));
        out.insert(field.to_owned(), value);
    }
    let plain = [
        ("bind_secret_id", json!(true)),
        ("secret_id_num_uses", json!(0)),
        ("token_num_uses", json!(0)),
        ("token_no_default_policy", json!(false)),
        ("token_type", json!("default")),
    ];
    for (field, default) in plain {
        let value = body.get(field).cloned().unwrap_or_else(|| kept(field, default));
        out.insert(field.to_owned(), value);
    }
    let local = kept(
        "local_secret_ids",
        body.get("local_secret_ids").cloned().unwrap_or(json!(false)),
    );
    out.insert("local_secret_ids".to_owned(), local);
    let policies = strings(body, "token_policies")
        .or_else(|| strings(body, "policies"))
        .map_or_else(|| kept("token_policies", json!([])), |l| json!(l));
    out.insert("token_policies".to_owned(), policies);
    Ok(out)
}

fn issue(role: &mut AppRole, body: &Value) -> Answer {
    if role.settings.get("bind_secret_id") == Some(&json!(false)) {
        return Err(Problem::bad_request("bind_secret_id is not set on the role"));
    }
    let of_role = |field: &str| role.settings.get(field).and_then(Value::as_u64).unwrap_or(0);
    let uses = body
        .get("num_uses")
        .and_then(Value::as_u64)
        .unwrap_or_else(|| of_role("secret_id_num_uses"));
    let ttl = seconds(body, "ttl")?.unwrap_or_else(|| of_role("secret_id_ttl"));
    // Metadata comes as a JSON text.
    let metadata = str_of(body, "metadata").and_then(|text| serde_json::from_str::<Value>(text).ok());
    let secret = SecretId {
        accessor: uuid::Uuid::new_v4().to_string(),
        created: Utc::now().to_rfc3339(),
        ttl,
        uses: (uses > 0).then_some(uses),
        metadata: metadata.unwrap_or(json!({})),
    };
    let id = uuid::Uuid::new_v4().to_string();
    let answer = json!({ "secret_id": id, "secret_id_accessor": secret.accessor,
                         "secret_id_num_uses": uses, "secret_id_ttl": ttl });
    role.secret_ids.insert(id, secret);
    Ok(data(answer))
}

fn render(secret: &SecretId) -> Value {
    let created = DateTime::parse_from_rfc3339(&secret.created).unwrap_or_default();
    let expires = match secret.ttl {
        0 => "0001-01-01T00:00:00Z".to_owned(),
        ttl => (created + chrono::Duration::seconds(i64::try_from(ttl).unwrap_or(0))).to_rfc3339(),
    };
    json!({ "cidr_list": [], "creation_time": secret.created, "expiration_time": expires,
            "last_updated_time": secret.created, "metadata": secret.metadata,
            "secret_id_accessor": secret.accessor, "secret_id_num_uses": secret.uses.unwrap_or(0),
            "secret_id_ttl": secret.ttl, "token_bound_cidrs": [] })
}

/// `auth/approle/login`; needs no token.
pub(super) fn login(store: &mut Store, mount: &str, body: &Value) -> Answer {
    let wrong = || Problem::bad_request("invalid role or secret ID");
    let role_id = str_of(body, "role_id").unwrap_or_default();
    if role_id.is_empty() {
        return Err(Problem::bad_request("missing role_id"));
    }
    let method = store.auth.get_mut(mount).ok_or_else(wrong)?;
    let (name, role) = method
        .app_roles
        .iter_mut()
        .find(|(_, r)| r.role_id == role_id)
        .ok_or_else(wrong)?;
    let mut metadata = json!({});
    if role.settings.get("bind_secret_id") != Some(&json!(false)) {
        let id = str_of(body, "secret_id").unwrap_or_default();
        if id.is_empty() {
            return Err(Problem::bad_request("missing secret_id"));
        }
        let secret = role.secret_ids.get_mut(id).ok_or_else(wrong)?;
        metadata = secret.metadata.clone();
        if let Some(uses) = secret.uses.as_mut() {
            *uses -= 1;
            if *uses == 0 {
                role.secret_ids.remove(id);
            }
        }
    }
    if let Some(fields) = metadata.as_object_mut() {
        fields.insert("role_name".to_owned(), json!(name));
    }
    let policies = role.settings.get("token_policies").cloned().unwrap_or_default();
    let policies = strings(&json!({ "policies": policies }), "policies").unwrap_or_default();
    let ttl = role
        .settings
        .get("token_ttl")
        .and_then(Value::as_u64)
        .filter(|t| *t > 0)
        .unwrap_or(tokens::TTL);
    let with_default = role.settings.get("token_no_default_policy") != Some(&json!(true));
    let path = format!("auth/{mount}login");
    let auth = tokens::issue(store, policies, with_default, ttl, &path, "approle", metadata);
    Ok(Reply::json(StatusCode::OK, &envelope(Value::Null, auth)))
}
