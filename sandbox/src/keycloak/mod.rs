//! Keycloak's OpenID Connect endpoints for one realm, with demo users and clients.
//!
//! Tokens are real: RS256, checked by anyone against the realm's JWKS. [`Keycloak::issue`] makes tokens in-process,
//! wrong ones included, for tests of whoever checks them.

mod authorize;
mod backchannel;
mod grants;
mod keys;
mod page;
mod people;
mod sessions;
mod tokens;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::credentials::KEYCLOAK_REALM;
use crate::{Reply, Request, SandboxTool};

use sessions::Sso;

pub use people::{Client, DEMO_USERS, DemoUser};
pub use tokens::Signing;

/// The stand-in of a Keycloak server with one realm.
pub struct Keycloak {
    clients: Vec<Client>,
    token_lifetime: Duration,
    refresh_lifetime: Duration,
    base_url: Mutex<String>,
    sso: Mutex<Sso>,
    rotations: AtomicU64,
}

impl Default for Keycloak {
    fn default() -> Self {
        Self::new(Client::demo())
    }
}

impl Keycloak {
    /// A realm with the demo users and these clients; tokens live five minutes.
    pub fn new(clients: Vec<Client>) -> Self {
        Self {
            clients,
            token_lifetime: Duration::from_secs(300),
            refresh_lifetime: Duration::from_secs(1800),
            base_url: Mutex::new("http://127.0.0.1/keycloak".to_owned()),
            sso: Mutex::default(),
            rotations: AtomicU64::new(0),
        }
    }

    /// The same with another lifetime of access tokens.
    #[must_use]
    pub fn with_token_lifetime(mut self, lifetime: Duration) -> Self {
        self.token_lifetime = lifetime;
        self
    }

    /// The same with another lifetime of refresh tokens.
    #[must_use]
    pub fn with_refresh_lifetime(mut self, lifetime: Duration) -> Self {
        self.refresh_lifetime = lifetime;
        self
    }

    /// `iss` of the tokens: the realm's URL.
    pub fn issuer(&self) -> String {
        let base = self.base_url.lock().unwrap_or_else(PoisonError::into_inner);
        format!("{base}/realms/{KEYCLOAK_REALM}")
    }

    /// From now on tokens name another key, and no other is listed. It is the old key under a new name: making one
    /// takes long.
    pub fn rotate_keys(&self) {
        self.rotations.fetch_add(1, Ordering::Relaxed);
    }

    /// `kid` of the key that signs now.
    fn kid(&self) -> String {
        match self.rotations.load(Ordering::Relaxed) {
            0 => keys::realm().id().to_owned(),
            many => format!("{}-{many}", keys::realm().id()),
        }
    }

    fn answer(&self, request: &Request) -> Reply {
        let segments = request.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let ["realms", realm, rest @ ..] = segments.as_slice() else {
            return not_found("Unable to find matching target resource method");
        };
        if *realm != KEYCLOAK_REALM {
            return not_found("Realm does not exist");
        }
        let rest = match rest {
            ["protocol", "openid-connect", rest @ ..] => rest.join("/"),
            rest => rest.join("/"),
        };
        match (request.method.as_str(), rest.as_str()) {
            ("GET", "") => Reply::json(StatusCode::OK, &self.realm()),
            ("GET", ".well-known/openid-configuration") => Reply::json(StatusCode::OK, &self.discovery()),
            ("GET", "certs") => Reply::json(StatusCode::OK, &keys::realm().jwks(&self.kid())),
            ("POST", "token") => self.token(request),
            ("POST", "token/introspect") => self.introspect(request),
            ("GET" | "POST", "userinfo") => self.userinfo(request),
            ("GET" | "POST", "auth") => self.authorize(request),
            ("GET", "logout") => self.logout_by_browser(request),
            ("POST", "logout") => self.logout(request),
            ("POST", "revoke") => self.end_session(request, StatusCode::OK),
            (
                _,
                ""
                | ".well-known/openid-configuration"
                | "certs"
                | "auth"
                | "token"
                | "token/introspect"
                | "userinfo"
                | "logout",
            ) => Reply::json(
                StatusCode::METHOD_NOT_ALLOWED,
                &json!({"error": "HTTP 405 Method Not Allowed"}),
            ),
            _ => not_found("Unable to find matching target resource method"),
        }
    }

    fn realm(&self) -> Value {
        let issuer = self.issuer();
        json!({
            "realm": KEYCLOAK_REALM, "public_key": keys::realm().public_key_base64(),
            "token-service": format!("{issuer}/protocol/openid-connect"),
            "account-service": format!("{issuer}/account"), "tokens-not-before": 0,
        })
    }

    fn discovery(&self) -> Value {
        let issuer = self.issuer();
        let at = |name: &str| Value::from(format!("{issuer}/protocol/openid-connect/{name}"));
        let mut document = Map::new();
        document.insert("issuer".to_owned(), issuer.as_str().into());
        for (name, endpoint) in [
            ("authorization_endpoint", "auth"),
            ("token_endpoint", "token"),
            ("introspection_endpoint", "token/introspect"),
            ("userinfo_endpoint", "userinfo"),
            ("end_session_endpoint", "logout"),
            ("revocation_endpoint", "revoke"),
            ("jwks_uri", "certs"),
        ] {
            document.insert(name.to_owned(), at(endpoint));
        }
        for (name, values) in [
            (
                "grant_types_supported",
                json!([
                    "authorization_code",
                    "client_credentials",
                    "password",
                    "refresh_token"
                ]),
            ),
            ("response_types_supported", json!(["code", "none"])),
            ("subject_types_supported", json!(["public"])),
            ("id_token_signing_alg_values_supported", json!(["RS256"])),
            (
                "token_endpoint_auth_methods_supported",
                json!(["client_secret_basic", "client_secret_post"]),
            ),
            (
                "scopes_supported",
                json!(["openid", "profile", "email", "roles", "groups"]),
            ),
            (
                "claims_supported",
                json!([
                    "aud",
                    "sub",
                    "iss",
                    "name",
                    "preferred_username",
                    "email",
                    "groups"
                ]),
            ),
            ("claim_types_supported", json!(["normal"])),
            ("backchannel_logout_supported", json!(true)),
            ("backchannel_logout_session_supported", json!(true)),
            ("code_challenge_methods_supported", json!(["S256"])),
            ("authorization_response_iss_parameter_supported", json!(true)),
            ("response_modes_supported", json!(["query"])),
            ("request_parameter_supported", json!(false)),
        ] {
            document.insert(name.to_owned(), values);
        }
        Value::Object(document)
    }

    fn userinfo(&self, request: &Request) -> Reply {
        let token = request
            .header("authorization")
            .and_then(|h| h.strip_prefix("Bearer "));
        match token.and_then(|t| self.verify(t)) {
            None => {
                let error =
                    json!({"error": "invalid_token", "error_description": "Token verification failed"});
                let challenge = format!("Bearer realm=\"{KEYCLOAK_REALM}\", error=\"invalid_token\"");
                Reply::json(StatusCode::UNAUTHORIZED, &error)
                    .with_header(http::header::WWW_AUTHENTICATE, &challenge)
            }
            Some(mut claims) => {
                let shown = [
                    "sub",
                    "name",
                    "preferred_username",
                    "given_name",
                    "family_name",
                    "email",
                    "email_verified",
                    "groups",
                    "realm_access",
                ];
                claims.retain(|name, _| shown.contains(&name.as_str()));
                Reply::json(StatusCode::OK, &Value::Object(claims))
            }
        }
    }
}

fn not_found(error: &str) -> Reply {
    Reply::json(StatusCode::NOT_FOUND, &json!({"error": error}))
}

impl SandboxTool for Keycloak {
    fn name(&self) -> &'static str {
        "keycloak"
    }

    fn started(&self, base_url: &str) {
        base_url.clone_into(&mut self.base_url.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn handle(&self, request: &Request) -> Reply {
        self.answer(request)
            .with_header(http::header::CACHE_CONTROL, "no-store")
    }

    /// Nothing: the demo users and clients are what a fresh installation has, and sessions are not resources.
    fn state(&self) -> Value {
        json!({})
    }
}
