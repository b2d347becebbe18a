//! The token endpoint and what goes with it: grants, introspection, logout.

use std::sync::PoisonError;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD};
use chrono::Utc;
use http::StatusCode;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Keycloak;
use super::people::{self, Client, DemoUser};
use super::sessions::Refresh;
use super::tokens::{Signing, full_scope};
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
                    "access_token": self.sign(&claims, Signing::Realm), "expires_in": self.token_lifetime.as_secs(),
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
                Ok(self.session(user, client, &scope, &self.open_session(user.username), None))
            }
            "authorization_code" => self.exchange(params, client),
            "refresh_token" => self.refresh(params, client),
            _ => Err(error(
                StatusCode::BAD_REQUEST,
                "unsupported_grant_type",
                "Unsupported grant_type",
            )),
        }
    }

    /// A code, once, for the client, the redirection and the verifier that it was asked for with.
    fn exchange(&self, params: &Params, client: &Client) -> Grant {
        let invalid = |why| error(StatusCode::BAD_REQUEST, "invalid_grant", why);
        let Some(text) = params.filled("code") else {
            let why = "Missing parameter: code";
            return Err(error(StatusCode::BAD_REQUEST, "invalid_request", why));
        };
        let code = {
            let mut sso = self.sso.lock().unwrap_or_else(PoisonError::into_inner);
            let code = sso
                .codes
                .get_mut(&text)
                .ok_or_else(|| invalid("Code not valid"))?;
            let before = code.clone();
            code.used = true;
            before
        };
        if code.used {
            // Somebody else may have it: the session is not trusted any more.
            self.end_person_session(&code.sid);
            return Err(invalid("Code not valid"));
        }
        if code.expires_at <= Utc::now().timestamp() {
            return Err(invalid("Code is expired"));
        }
        if code.client_id != client.id {
            return Err(invalid("Auth error"));
        }
        if params.text("redirect_uri").as_ref() != Some(&code.redirect_uri) {
            return Err(invalid("Incorrect redirect_uri"));
        }
        match (&code.challenge, params.filled("code_verifier")) {
            (None, None) => {}
            (None, Some(_)) => return Err(invalid("PKCE code verifier specified but challenge not present")),
            (Some(_), None) => return Err(invalid("PKCE code verifier not specified")),
            (Some(challenge), Some(verifier)) => {
                if URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())) != *challenge {
                    return Err(invalid("PKCE verification failed: Code mismatch"));
                }
            }
        }
        let username = self
            .person_of(&code.sid)
            .ok_or_else(|| invalid("Session not active"))?;
        let user = people::user(&username).ok_or_else(|| invalid("User not found"))?;
        Ok(self.session(user, client, &code.scope, &code.sid, code.nonce.as_deref()))
    }

    /// A refresh token is good for one time; who sends it again has taken it from somebody.
    fn refresh(&self, params: &Params, client: &Client) -> Grant {
        let Some(token) = params.filled("refresh_token") else {
            return Err(error(
                StatusCode::BAD_REQUEST,
                "invalid_request",
                "No refresh token",
            ));
        };
        let invalid = |why| error(StatusCode::BAD_REQUEST, "invalid_grant", why);
        let refresh = {
            let mut sso = self.sso.lock().unwrap_or_else(PoisonError::into_inner);
            let refresh = sso
                .refresh
                .get_mut(&token)
                .ok_or_else(|| invalid("Invalid refresh token"))?;
            if refresh.client_id != client.id {
                return Err(invalid(
                    "Invalid refresh token. Token client and authorized client don't match",
                ));
            }
            let before = refresh.clone();
            refresh.used = true;
            before
        };
        if refresh.used {
            self.end_person_session(&refresh.sid);
            return Err(invalid("Maximum allowed refresh token reuse exceeded"));
        }
        if refresh.expires_at <= Utc::now().timestamp() {
            return Err(invalid("Token is not active"));
        }
        let username = self
            .person_of(&refresh.sid)
            .ok_or_else(|| invalid("Session not active"))?;
        let user = people::user(&username).ok_or_else(|| invalid("Invalid refresh token"))?;
        Ok(self.session(user, client, &refresh.scope, &refresh.sid, None))
    }

    /// Access and refresh token of a user, and an ID token where `openid` is asked for.
    fn session(
        &self,
        user: &DemoUser,
        client: &Client,
        scope: &str,
        sid: &str,
        nonce: Option<&str>,
    ) -> Reply {
        let mut claims = self.user_claims(user, &client.id, scope);
        claims.insert("sid".to_owned(), sid.into());
        let lifetime = i64::try_from(self.refresh_lifetime.as_secs()).unwrap_or(i64::MAX / 2);
        // Opaque here: what is in a refresh token is nobody's business but the server's.
        let refresh = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        {
            let mut sso = self.sso.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(session) = sso.sessions.get_mut(sid) {
                session.clients.insert(client.id.clone());
            }
            let kept = Refresh {
                sid: sid.to_owned(),
                client_id: client.id.clone(),
                scope: scope.to_owned(),
                expires_at: Utc::now().timestamp().saturating_add(lifetime),
                used: false,
            };
            sso.refresh.insert(refresh.clone(), kept);
        }
        let access = self.sign(&claims, Signing::Realm);
        let mut body = json!({
            "access_token": access, "expires_in": self.token_lifetime.as_secs(),
            "refresh_expires_in": self.refresh_lifetime.as_secs(), "refresh_token": refresh,
            "token_type": "Bearer", "not-before-policy": 0, "session_state": sid, "scope": full_scope(scope),
        });
        if scope.split_whitespace().any(|s| s == "openid")
            && let Some(fields) = body.as_object_mut()
        {
            claims.insert("aud".to_owned(), client.id.as_str().into());
            claims.insert("typ".to_owned(), "ID".into());
            let half = Sha256::digest(access.as_bytes());
            let half = half.get(..16).unwrap_or_default();
            claims.insert("at_hash".to_owned(), URL_SAFE_NO_PAD.encode(half).into());
            if let Some(nonce) = nonce {
                claims.insert("nonce".to_owned(), nonce.into());
            }
            claims.remove("realm_access");
            claims.remove("scope");
            fields.insert("id_token".to_owned(), self.sign(&claims, Signing::Realm).into());
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

    /// `POST logout`: by a refresh token, or a browser's form.
    pub(super) fn logout(&self, request: &Request) -> Reply {
        let params = Params::of(request).unwrap_or_default();
        if params.has("refresh_token") || !params.has("id_token_hint") {
            return self.end_session(request, StatusCode::NO_CONTENT);
        }
        self.logout_by_browser(request)
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
        let sid = {
            let sso = self.sso.lock().unwrap_or_else(PoisonError::into_inner);
            sso.refresh.get(&token).map(|refresh| refresh.sid.clone())
        };
        if let Some(sid) = sid {
            self.end_person_session(&sid);
        }
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
