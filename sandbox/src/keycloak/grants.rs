//! The token endpoint and what goes with it: grants, introspection, logout.

use std::sync::PoisonError;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::Utc;
use http::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::people::{self, Client, DemoUser};
use super::tokens::{Signing, full_scope, sign};
use super::{Keycloak, Session};
use crate::params::Params;
use crate::{Reply, Request};

type Grant = Result<Reply, Box<Reply>>;

impl Keycloak {
    pub(super) fn token(&self, request: &Request) -> Reply {
        let params = Params::of(request).unwrap_or_default();
        self.grant(request, &params).unwrap_or_else(|refusal| *refusal)
    }

    fn grant(&self, request: &Request, params: &Params) -> Grant {
        let Some(grant) = params.filled("grant_type") else {
            return Err(error(
                StatusCode::BAD_REQUEST,
                "invalid_request",
                "Missing form parameter: grant_type",
            ));
        };
        let client = self.client(request, params)?;
        let scope = params.text("scope").unwrap_or_default();
        match grant.as_str() {
            "client_credentials" => {
                if client.secret.is_none() {
                    let why = "Public client not allowed to retrieve service account";
                    return Err(error(StatusCode::UNAUTHORIZED, "unauthorized_client", why));
                }
                let claims = self.client_claims(client, &scope);
                Ok(tokens(json!({
                    "access_token": sign(&claims, Signing::Realm), "expires_in": self.token_lifetime.as_secs(),
                    "refresh_expires_in": 0, "token_type": "Bearer", "not-before-policy": 0,
                    "scope": full_scope(&scope),
                })))
            }
            "password" => {
                let Some(username) = params.filled("username") else {
                    let why = "Missing parameter: username";
                    return Err(error(StatusCode::UNAUTHORIZED, "invalid_request", why));
                };
                let password = params.text("password").unwrap_or_default();
                let user = people::user(&username)
                    .filter(|u| u.password == password)
                    .ok_or_else(|| {
                        error(
                            StatusCode::UNAUTHORIZED,
                            "invalid_grant",
                            "Invalid user credentials",
                        )
                    })?;
                Ok(self.session(user, client, &scope))
            }
            "refresh_token" => self.refresh(params, client),
            _ => Err(error(
                StatusCode::BAD_REQUEST,
                "unsupported_grant_type",
                "Unsupported grant_type",
            )),
        }
    }

    fn refresh(&self, params: &Params, client: &Client) -> Grant {
        let Some(token) = params.filled("refresh_token") else {
            return Err(error(
                StatusCode::BAD_REQUEST,
                "invalid_request",
                "No refresh token",
            ));
        };
        let invalid = |why| error(StatusCode::BAD_REQUEST, "invalid_grant", why);
        let session = {
            let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            sessions
                .get(&token)
                .cloned()
                .ok_or_else(|| invalid("Invalid refresh token"))?
        };
        if session.expires_at <= Utc::now().timestamp() {
            return Err(invalid("Token is not active"));
        }
        if session.client_id != client.id {
            return Err(invalid(
                "Invalid refresh token. Token client and authorized client don't match",
            ));
        }
        let user = people::user(&session.username).ok_or_else(|| invalid("Invalid refresh token"))?;
        Ok(self.session(user, client, &session.scope))
    }

    /// Access and refresh token of a user, and an ID token where `openid` is asked for.
    fn session(&self, user: &DemoUser, client: &Client, scope: &str) -> Reply {
        let id = Uuid::new_v4().to_string();
        let mut claims = self.user_claims(user, &client.id, scope);
        claims.insert("sid".to_owned(), id.as_str().into());
        let lifetime = i64::try_from(self.refresh_lifetime.as_secs()).unwrap_or(i64::MAX / 2);
        // Opaque here: what is in a refresh token is nobody's business but the server's.
        let refresh = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let session = Session {
            username: user.username.to_owned(),
            client_id: client.id.clone(),
            scope: scope.to_owned(),
            expires_at: Utc::now().timestamp().saturating_add(lifetime),
        };
        self.sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(refresh.clone(), session);
        let mut body = json!({
            "access_token": sign(&claims, Signing::Realm), "expires_in": self.token_lifetime.as_secs(),
            "refresh_expires_in": self.refresh_lifetime.as_secs(), "refresh_token": refresh,
            "token_type": "Bearer", "not-before-policy": 0, "session_state": id, "scope": full_scope(scope),
        });
        if scope.split_whitespace().any(|s| s == "openid")
            && let Some(fields) = body.as_object_mut()
        {
            claims.insert("aud".to_owned(), client.id.as_str().into());
            claims.insert("typ".to_owned(), "ID".into());
            claims.remove("realm_access");
            claims.remove("scope");
            fields.insert("id_token".to_owned(), sign(&claims, Signing::Realm).into());
        }
        tokens(body)
    }

    /// The client that asks, by Basic authentication or form parameters.
    fn client(&self, request: &Request, params: &Params) -> Result<&Client, Box<Reply>> {
        const WHY: &str = "Invalid client or Invalid client credentials";
        let invalid = || error(StatusCode::UNAUTHORIZED, "invalid_client", WHY);
        let (id, secret) = match basic(request) {
            Some((id, secret)) => (id, Some(secret)),
            None => (
                params.filled("client_id").ok_or_else(invalid)?,
                params.filled("client_secret"),
            ),
        };
        let client = self.clients.iter().find(|c| c.id == id).ok_or_else(invalid)?;
        match &client.secret {
            Some(expected) if secret.as_ref() != Some(expected) => {
                Err(error(StatusCode::UNAUTHORIZED, "unauthorized_client", WHY))
            }
            _ => Ok(client),
        }
    }

    pub(super) fn introspect(&self, request: &Request) -> Reply {
        let params = Params::of(request).unwrap_or_default();
        match self.client(request, &params) {
            Ok(client) if client.secret.is_some() => {}
            Ok(_) => {
                return *error(StatusCode::FORBIDDEN, "access_denied", "Client not allowed.");
            }
            Err(_) => {
                return *error(
                    StatusCode::UNAUTHORIZED,
                    "invalid_request",
                    "Authentication failed.",
                );
            }
        }
        let claims = params.text("token").and_then(|t| self.verify(&t));
        let mut body = claims.clone().unwrap_or_default();
        body.insert("active".to_owned(), claims.is_some().into());
        if let Some(username) = body.get("preferred_username").cloned() {
            body.insert("username".to_owned(), username);
        }
        Reply::json(StatusCode::OK, &Value::Object(body))
    }

    /// Ends the session of a refresh token; ending one that is not there is fine.
    pub(super) fn end_session(&self, request: &Request, done: StatusCode) -> Reply {
        let params = Params::of(request).unwrap_or_default();
        if let Err(refusal) = self.client(request, &params) {
            return *refusal;
        }
        let token = params.filled("refresh_token").or_else(|| params.filled("token"));
        let Some(token) = token else {
            return *error(StatusCode::BAD_REQUEST, "invalid_request", "No refresh token");
        };
        self.sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&token);
        Reply::empty(done)
    }
}

fn basic(request: &Request) -> Option<(String, String)> {
    let decoded = BASE64
        .decode(request.header("authorization")?.strip_prefix("Basic ")?)
        .ok()?;
    let pair = String::from_utf8(decoded).ok()?;
    let (id, secret) = pair.split_once(':')?;
    let plain = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8_lossy()
            .into_owned()
    };
    Some((plain(id), plain(secret)))
}

fn tokens(body: Value) -> Reply {
    Reply::json(StatusCode::OK, &body).with_header(http::header::PRAGMA, "no-cache")
}

/// An error as RFC 6749, section 5.2, wants it.
fn error(status: StatusCode, error: &str, description: &str) -> Box<Reply> {
    let mut body = Map::new();
    body.insert("error".to_owned(), error.into());
    body.insert("error_description".to_owned(), description.into());
    Box::new(Reply::json(status, &Value::Object(body)))
}
