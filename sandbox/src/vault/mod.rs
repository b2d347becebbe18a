//! The API of Vault and OpenBao: KV v2, ACL policies, and the Kubernetes and AppRole auth methods.

mod acl;
mod approle;
mod kubernetes_auth;
mod kv;
mod policies;
mod problem;
mod store;
mod system;
mod tokens;

use std::sync::{Mutex, MutexGuard, PoisonError};

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{Reply, Request, SandboxTool};
use problem::Problem;
use store::{AuthKind, Store, Token};

type Answer = Result<Reply, Problem>;

/// A Vault as `bao server -dev` starts it (KV v2 at `secret/`), with the auth methods `kubernetes/` and
/// `approle/` enabled.
#[derive(Debug)]
pub struct Vault {
    store: Mutex<Store>,
}

/// What a request does to its path; each needs the capability of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Read,
    List,
    Write,
    Patch,
    Delete,
}

impl Vault {
    /// A fresh server, unsealed.
    pub fn new(root_token: impl Into<String>) -> Self {
        Self {
            store: Mutex::new(Store::fresh(root_token.into())),
        }
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn route(&self, request: &Request) -> Answer {
        let operation = operation(request).ok_or_else(Problem::unsupported)?;
        let segments = request.segments();
        let path = match segments.split_first() {
            Some((version, rest)) if version == "v1" => rest.join("/"),
            _ => return Err(Problem::no_route(&request.path)),
        };
        let path = path.as_str();
        let mut store = self.store();
        match (operation, path) {
            (Operation::Read, "sys/health") => return Ok(system::health()),
            (Operation::Read, "sys/init") => {
                return Ok(Reply::json(StatusCode::OK, &json!({ "initialized": true })));
            }
            (Operation::Read, "sys/seal-status") => return Ok(system::seal_status()),
            _ => {}
        }
        if let (Operation::Write, Some(mount)) = (operation, login_mount(&store, path)) {
            return approle::login(&mut store, &mount, &body(request)?);
        }
        let token = tokens::of(request, &store)?;
        store.authorise(&token, operation, path)?;
        let mut call = Call {
            request,
            operation,
            token,
            store: &mut store,
        };
        if let Some(rest) = path.strip_prefix("sys/") {
            return match rest.split_once('/') {
                Some(("policies", _)) | Some(("policy", _)) => policies::route(&mut call, rest),
                _ if rest == "policy" || rest == "policies" => policies::route(&mut call, rest),
                _ => system::route(&mut call, rest),
            };
        }
        if let Some(rest) = path.strip_prefix("auth/token/") {
            return tokens::route(&mut call, rest);
        }
        if let Some(rest) = path.strip_prefix("auth/") {
            let (mount, rest) = call.store.auth_of(rest).ok_or_else(|| Problem::no_route(path))?;
            return match call.store.auth.get(&mount).map(|m| m.kind) {
                Some(AuthKind::Kubernetes) => kubernetes_auth::route(&mut call, &mount, &rest),
                Some(AuthKind::AppRole) => approle::route(&mut call, &mount, &rest),
                None => Err(Problem::no_route(path)),
            };
        }
        let (mount, rest) = call.store.mount_of(path).ok_or_else(|| Problem::no_route(path))?;
        kv::route(&mut call, &mount, &rest)
    }
}

/// A request with the token that makes it and the state that it may change.
struct Call<'a> {
    request: &'a Request,
    operation: Operation,
    token: Token,
    store: &'a mut Store,
}

impl Call<'_> {
    fn body(&self) -> Result<Value, Problem> {
        body(self.request)
    }
}

impl SandboxTool for Vault {
    fn name(&self) -> &'static str {
        "vault"
    }

    fn handle(&self, request: &Request) -> Reply {
        let reply = self.route(request).unwrap_or_else(Reply::from);
        reply.with_header(http::header::CACHE_CONTROL, "no-store")
    }

    fn state(&self) -> Value {
        self.store().summary()
    }
}

fn operation(request: &Request) -> Option<Operation> {
    let lists = request
        .query_value("list")
        .is_some_and(|v| v == "true" || v == "1");
    match request.method {
        Method::GET if lists => Some(Operation::List),
        Method::GET | Method::HEAD => Some(Operation::Read),
        Method::POST | Method::PUT => Some(Operation::Write),
        Method::PATCH => Some(Operation::Patch),
        Method::DELETE => Some(Operation::Delete),
        ref other if other.as_str() == "LIST" => Some(Operation::List),
        _ => None,
    }
}

fn login_mount(store: &Store, path: &str) -> Option<String> {
    let (mount, rest) = store.auth_of(path.strip_prefix("auth/")?)?;
    (rest == "login" && store.auth.get(&mount)?.kind == AuthKind::AppRole).then_some(mount)
}

/// The JSON body; an empty one is an empty object.
fn body(request: &Request) -> Result<Value, Problem> {
    if request.body.is_empty() {
        return Ok(json!({}));
    }
    request
        .json::<Value>()
        .filter(Value::is_object)
        .ok_or_else(|| Problem::bad_request("failed to parse JSON input: invalid request"))
}

/// The envelope of every answer with data.
fn envelope(data: Value, auth: Value) -> Value {
    json!({ "request_id": uuid::Uuid::new_v4().to_string(), "lease_id": "", "renewable": false,
            "lease_duration": 0, "data": data, "wrap_info": null, "warnings": null, "auth": auth })
}

fn data(data: Value) -> Reply {
    Reply::json(StatusCode::OK, &envelope(data, Value::Null))
}

fn no_content() -> Reply {
    Reply::empty(StatusCode::NO_CONTENT)
}

/// A list of names; an empty one is a 404, as the server has it.
fn keys<T: Into<String>>(keys: impl IntoIterator<Item = T>) -> Answer {
    let keys: Vec<String> = keys.into_iter().map(Into::into).collect();
    if keys.is_empty() {
        Err(Problem::not_found())
    } else {
        Ok(data(json!({ "keys": keys })))
    }
}

fn str_of<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field).and_then(Value::as_str)
}

/// A list field: JSON strings, or one string with commas.
fn strings(value: &Value, field: &str) -> Option<Vec<String>> {
    match value.get(field)? {
        Value::Array(items) => Some(
            items
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
        ),
        Value::String(text) => Some(
            text.split(',')
                .map(str::trim)
                .filter(|s| !s.is_empty())
                .map(str::to_owned)
                .collect(),
        ),
        _ => None,
    }
}

/// A duration field in seconds: a number, or a string such as `90`, `30m`, `1h`.
fn seconds(value: &Value, field: &str) -> Result<Option<u64>, Problem> {
    let Some(value) = value.get(field) else {
        return Ok(None);
    };
    let parsed = match value {
        Value::Null => return Ok(None),
        Value::Number(number) => number.as_u64(),
        Value::String(text) if text.is_empty() => Some(0),
        Value::String(text) => {
            let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
            let unit = match text.get(digits.len()..) {
                Some("" | "s") => Some(1),
                Some("m") => Some(60),
                Some("h") => Some(3600),
                Some("d") => Some(86_400),
                _ => None,
            };
            digits
                .parse::<u64>()
                .ok()
                .zip(unit)
                .map(|(n, unit)| n.saturating_mul(unit))
        }
        _ => None,
    };
    parsed.map(Some).ok_or_else(|| {
        Problem::bad_request(format!(
            "error converting input {value} for field \"{field}\": invalid duration"
        ))
    })
}
