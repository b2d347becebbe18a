//! Tokens: who asks, and `auth/token`.

use chrono::{SecondsFormat, TimeZone, Utc};
use http::StatusCode;
use serde_json::{Value, json};

use super::problem::Problem;
use super::store::{Store, Token};
use super::{Answer, Call, Operation, data, envelope, no_content, seconds, str_of, strings};
use crate::{Reply, Request};

/// Seconds that a token lives where nobody says otherwise: 32 days.
pub(super) const TTL: u64 = 2_764_800;

/// The token of a request, from `X-Vault-Token` or `Authorization: Bearer`.
pub(super) fn of(request: &Request, store: &Store) -> Result<Token, Problem> {
    let bearer = request
        .header("authorization")
        .and_then(|h| h.strip_prefix("Bearer "));
    let id = request
        .header("x-vault-token")
        .or(bearer)
        .ok_or_else(Problem::denied)?;
    let token = store.tokens.get(id).ok_or_else(Problem::denied)?;
    if token.ttl > 0 && token.left() == 0 {
        return Err(Problem::denied());
    }
    Ok(token.clone())
}

impl Token {
    fn left(&self) -> u64 {
        let age = u64::try_from(Utc::now().timestamp() - self.created).unwrap_or(0);
        self.ttl.saturating_sub(age)
    }

    fn render(&self) -> Value {
        let time = |timestamp: i64| {
            let time = Utc.timestamp_opt(timestamp, 0).single().unwrap_or_default();
            time.to_rfc3339_opts(SecondsFormat::Secs, true)
        };
        let expires = match self.ttl {
            0 => Value::Null,
            ttl => json!(time(self.created + i64::try_from(ttl).unwrap_or(0))),
        };
        json!({ "accessor": self.accessor, "creation_time": self.created, "creation_ttl": self.ttl,
                "display_name": self.display_name, "entity_id": "", "expire_time": expires,
                "explicit_max_ttl": 0, "id": self.id, "issue_time": time(self.created), "meta": self.meta,
                "num_uses": 0, "orphan": true, "path": self.path, "policies": self.policies,
                "renewable": self.ttl > 0, "ttl": self.left(), "type": "service" })
    }

    fn auth(&self) -> Value {
        json!({ "client_token": self.id, "accessor": self.accessor, "policies": self.policies,
                "token_policies": self.policies, "metadata": self.meta, "lease_duration": self.ttl,
                "renewable": true, "entity_id": "", "token_type": "service", "orphan": true,
                "mfa_requirement": null, "num_uses": 0 })
    }
}

/// A new token; answers the `auth` block.
pub(super) fn issue(
    store: &mut Store,
    mut policies: Vec<String>,
    with_default: bool,
    ttl: u64,
    path: &str,
    display_name: &str,
    meta: Value,
) -> Value {
    if with_default {
        policies.push("default".to_owned());
    }
    policies.sort();
    policies.dedup();
    let token = Token {
        id: format!("s.{}", uuid::Uuid::new_v4().simple()),
        accessor: uuid::Uuid::new_v4().simple().to_string(),
        policies,
        path: path.to_owned(),
        display_name: display_name.to_owned(),
        meta,
        created: Utc::now().timestamp(),
        ttl,
    };
    let auth = token.auth();
    store.tokens.insert(token.id.clone(), token);
    auth
}

pub(super) fn route(call: &mut Call<'_>, path: &str) -> Answer {
    let body = if call.operation == Operation::Write {
        call.body()?
    } else {
        Value::Null
    };
    match (path, call.operation) {
        ("lookup-self", Operation::Read | Operation::Write) => Ok(data(call.token.render())),
        ("lookup", Operation::Write) => {
            let id = str_of(&body, "token").unwrap_or_default();
            match call.store.tokens.get(id) {
                Some(token) => Ok(data(token.render())),
                None => Err(Problem::denied()),
            }
        }
        ("create", Operation::Write) => {
            let wanted = strings(&body, "policies").unwrap_or_else(|| call.token.policies.clone());
            let is_root = call.token.policies.iter().any(|p| p == "root");
            if !is_root
                && wanted
                    .iter()
                    .any(|p| p != "default" && !call.token.policies.contains(p))
            {
                return Err(Problem::bad_request("child policies must be subset of parent"));
            }
            let ttl = seconds(&body, "ttl")?.filter(|t| *t > 0).unwrap_or(TTL);
            let with_default =
                body.get("no_default_policy") != Some(&json!(true)) && !wanted.iter().any(|p| p == "root");
            let name = format!("token-{}", str_of(&body, "display_name").unwrap_or_default());
            let meta = body.get("meta").cloned().unwrap_or_default();
            let name = name.trim_end_matches('-');
            let auth = issue(
                call.store,
                wanted,
                with_default,
                ttl,
                "auth/token/create",
                name,
                meta,
            );
            Ok(Reply::json(StatusCode::OK, &envelope(Value::Null, auth)))
        }
        ("renew-self", Operation::Write) => {
            let id = call.token.id.clone();
            match call.store.tokens.get_mut(&id) {
                Some(token) if token.ttl > 0 => {
                    token.created = Utc::now().timestamp();
                    Ok(Reply::json(StatusCode::OK, &envelope(Value::Null, token.auth())))
                }
                _ => Err(Problem::bad_request("lease is not renewable")),
            }
        }
        ("revoke-self", Operation::Write) => {
            call.store.tokens.remove(&call.token.id);
            Ok(no_content())
        }
        ("revoke", Operation::Write) => {
            call.store
                .tokens
                .remove(str_of(&body, "token").unwrap_or_default());
            Ok(no_content())
        }
        ("lookup-self" | "lookup" | "create" | "renew-self" | "revoke-self" | "revoke", _) => {
            Err(Problem::unsupported())
        }
        _ => Err(Problem::no_route(&format!("auth/token/{path}"))),
    }
}
