//! The stand-in Keycloak signs browsers in: codes with PKCE, refresh with rotation, logout.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use common::Caller;
use http::{HeaderMap, Method};
use opstella_sandbox::{Keycloak, Reply, Request, SandboxTool, credentials};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

const BASE: &str = "http://127.0.0.1/keycloak";
const PATH: &str = "/realms/opstella/protocol/openid-connect";
const BACK: &str = "http://127.0.0.1:8080/auth/callback";
const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters";

fn keycloak() -> Caller<Keycloak> {
    let tool = Keycloak::default();
    tool.started(BASE);
    Caller {
        tool,
        headers: vec![],
    }
}

fn get(keycloak: &Caller<Keycloak>, path: &str, query: &[(&str, &str)]) -> Reply {
    let own = |(n, v): &(&str, &str)| ((*n).to_owned(), (*v).to_owned());
    keycloak.tool.handle(&Request {
        method: Method::GET,
        path: format!("{PATH}/{path}"),
        query: query.iter().map(own).collect(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        base_url: BASE.to_owned(),
    })
}

fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))
}

/// The query of an authorization request, with these parameters instead; an empty one is left out.
fn asked(other: &[(&'static str, &'static str)]) -> Vec<(&'static str, String)> {
    let mut all = vec![
        ("client_id", credentials::KEYCLOAK_CLIENT.to_owned()),
        ("redirect_uri", BACK.to_owned()),
        ("response_type", "code".to_owned()),
        ("scope", "openid".to_owned()),
        ("state", "s".to_owned()),
        ("nonce", "n".to_owned()),
        ("code_challenge", challenge()),
        ("code_challenge_method", "S256".to_owned()),
    ];
    for (name, value) in other {
        all.retain(|(n, _)| n != name);
        all.push((name, (*value).to_owned()));
    }
    all.retain(|(_, value)| !value.is_empty());
    all
}

fn authorize(keycloak: &Caller<Keycloak>, other: &[(&'static str, &'static str)]) -> Reply {
    let all = asked(other);
    let all: Vec<_> = all.iter().map(|(n, v)| (*n, v.as_str())).collect();
    get(keycloak, "auth", &all)
}

/// What the browser brings back.
fn back(reply: &Reply, name: &str) -> Option<String> {
    assert_eq!(reply.status, 302);
    let url = Url::parse(reply.headers["location"].to_str().unwrap()).unwrap();
    assert!(url.as_str().starts_with(BACK), "{url}");
    url.query_pairs()
        .find(|(n, _)| n == name)
        .map(|(_, v)| v.into_owned())
}

fn code(keycloak: &Caller<Keycloak>) -> String {
    back(&authorize(keycloak, &[("sandbox_user", "alice")]), "code").unwrap()
}

fn token(keycloak: &Caller<Keycloak>, fields: &[(&str, &str)]) -> (u16, Value) {
    let mut all = vec![
        ("client_id", credentials::KEYCLOAK_CLIENT),
        ("client_secret", credentials::KEYCLOAK_CLIENT_SECRET),
    ];
    all.extend(fields);
    keycloak.form(&format!("{PATH}/token"), &all)
}

fn exchange(keycloak: &Caller<Keycloak>, code: &str, back: &str, verifier: &str) -> (u16, Value) {
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", back),
    ];
    if !verifier.is_empty() {
        fields.push(("code_verifier", verifier));
    }
    token(keycloak, &fields)
}

fn refused(why: &str) -> (u16, Value) {
    (400, json!({"error": "invalid_grant", "error_description": why}))
}

fn claims(token: &Value) -> Value {
    let body = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap()
}

#[test]
fn a_code_is_exchanged_once_with_its_verifier() {
    let keycloak = keycloak();
    let reply = authorize(&keycloak, &[("sandbox_user", "alice")]);
    assert_eq!(back(&reply, "state").as_deref(), Some("s"));
    assert_eq!(back(&reply, "iss").unwrap(), keycloak.tool.issuer());
    let first = back(&reply, "code").unwrap();
    let (status, answer) = exchange(&keycloak, &first, BACK, VERIFIER);
    assert_eq!(status, 200, "{answer}");
    let id = claims(&answer["id_token"]);
    assert_eq!((&id["nonce"], &id["aud"]), (&json!("n"), &json!("opstella")));
    assert_eq!(id["sid"], answer["session_state"]);
    assert_eq!(id["sub"], keycloak.tool.subject_of("alice"));
    // Who sends it again may have stolen it: the session is over.
    let sessions = keycloak.tool.sessions_of("alice");
    assert_eq!(
        exchange(&keycloak, &first, BACK, VERIFIER),
        refused("Code not valid")
    );
    assert_ne!(keycloak.tool.sessions_of("alice"), sessions);
    for (back, verifier, why) in [
        (BACK, "", "PKCE code verifier not specified"),
        (BACK, "wrong", "PKCE verification failed: Code mismatch"),
        ("http://127.0.0.1/", VERIFIER, "Incorrect redirect_uri"),
    ] {
        assert_eq!(
            exchange(&keycloak, &code(&keycloak), back, verifier),
            refused(why)
        );
    }
    assert_eq!(
        exchange(&keycloak, "x", BACK, VERIFIER),
        refused("Code not valid")
    );
    let missing = token(&keycloak, &[("grant_type", "authorization_code")]);
    assert_eq!(missing.1["error_description"], "Missing parameter: code");
}

#[test]
fn wrong_requests_go_back_only_to_a_right_place() {
    let keycloak = keycloak();
    for (other, what) in [
        (("client_id", "nobody"), "Client not found."),
        (
            ("redirect_uri", "https://evil.example/"),
            "Invalid parameter: redirect_uri",
        ),
        (
            ("redirect_uri", "http://127.0.0.1.evil.example/"),
            "Invalid parameter: redirect_uri",
        ),
    ] {
        let reply = authorize(&keycloak, &[other, ("sandbox_user", "alice")]);
        assert_eq!(reply.status, 400);
        assert!(String::from_utf8_lossy(&reply.body).contains(what));
    }
    for (other, error) in [
        (("response_type", ""), "invalid_request"),
        (("response_type", "token"), "unsupported_response_type"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("prompt", "none"), "login_required"),
    ] {
        let reply = authorize(&keycloak, &[other]);
        assert_eq!(back(&reply, "error").as_deref(), Some(error));
        assert_eq!(back(&reply, "code"), None);
    }
    assert_eq!(authorize(&keycloak, &[]).status, 200);
}

#[test]
fn a_refresh_token_is_good_once() {
    let keycloak = keycloak();
    let (_, first) = exchange(&keycloak, &code(&keycloak), BACK, VERIFIER);
    let refresh = |token_: &Value| {
        let text = token_["refresh_token"].as_str().unwrap();
        token(
            &keycloak,
            &[("grant_type", "refresh_token"), ("refresh_token", text)],
        )
    };
    let (status, second) = refresh(&first);
    assert_eq!((status, &second["session_state"]), (200, &first["session_state"]));
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    assert_eq!(
        refresh(&first),
        refused("Maximum allowed refresh token reuse exceeded")
    );
    // And what was made of it is over, too.
    assert_eq!(refresh(&second).0, 400);
}

#[test]
fn logout_needs_to_know_who_asks() {
    let keycloak = keycloak();
    let (_, tokens) = exchange(&keycloak, &code(&keycloak), BACK, VERIFIER);
    let hint = ("id_token_hint", tokens["id_token"].as_str().unwrap());
    let away = ("post_logout_redirect_uri", "https://evil.example/");
    let here = ("post_logout_redirect_uri", "http://127.0.0.1:8080/");
    for (query, status) in [
        (vec![hint, away], 400),
        (vec![("id_token_hint", "x"), here], 400),
        (vec![here], 400),
        (vec![here, ("client_id", "opstella")], 200),
    ] {
        assert_eq!(get(&keycloak, "logout", &query).status, status, "{query:?}");
        assert_eq!(keycloak.tool.sessions_of("alice").len(), 1);
    }
    let reply = get(&keycloak, "logout", &[hint, here]);
    assert_eq!(reply.status, 302);
    assert_eq!(reply.headers["location"], "http://127.0.0.1:8080/");
    assert!(keycloak.tool.sessions_of("alice").is_empty());
}
