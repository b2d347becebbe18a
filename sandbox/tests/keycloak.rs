//! The stand-in Keycloak gives out tokens that anyone can check against its JWKS.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::time::Duration;

use common::Caller;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use opstella_sandbox::keycloak::{Client, DEMO_USERS, Signing};
use opstella_sandbox::{Keycloak, SandboxTool, credentials};
use serde_json::{Value, json};

const TOKEN: &str = "/realms/opstella/protocol/openid-connect/token";

fn keycloak() -> Caller<Keycloak> {
    let tool = Keycloak::default();
    tool.started("http://127.0.0.1/keycloak");
    Caller {
        tool,
        headers: vec![],
    }
}

/// Checks a token as a careful service would.
fn check(keycloak: &Caller<Keycloak>, token: &str) -> Result<Value, jsonwebtoken::errors::Error> {
    let (_, discovery) = keycloak.get("/realms/opstella/.well-known/openid-configuration");
    let (_, jwks) = keycloak.get("/realms/opstella/protocol/openid-connect/certs");
    let jwks: JwkSet = serde_json::from_value(jwks).unwrap();
    let kid = decode_header(token)?.kid.unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.leeway = 0;
    validation.set_audience(&["opstella"]);
    validation.set_issuer(&[discovery["issuer"].as_str().unwrap()]);
    let key = DecodingKey::from_jwk(jwks.find(&kid).unwrap()).unwrap();
    decode::<Value>(token, &key, &validation).map(|d| d.claims)
}

fn password<'a>(user: &'a str, password: &'a str) -> [(&'a str, &'a str); 5] {
    [
        ("grant_type", "password"),
        ("client_id", credentials::KEYCLOAK_PUBLIC_CLIENT),
        ("username", user),
        ("password", password),
        ("scope", "openid"),
    ]
}

#[test]
fn every_demo_user_signs_in() {
    let keycloak = keycloak();
    for user in DEMO_USERS {
        let (status, answer) = keycloak.form(TOKEN, &password(user.username, user.password));
        assert_eq!(
            (status, &answer["token_type"], &answer["expires_in"]),
            (200, &json!("Bearer"), &json!(300))
        );
        let claims = check(&keycloak, answer["access_token"].as_str().unwrap()).unwrap();
        assert_eq!(claims["preferred_username"], user.username);
        assert_eq!(claims["realm_access"]["roles"], json!(user.roles));
        assert_eq!(claims["groups"], json!(user.groups));
        assert_eq!(claims["aud"], "opstella");
        assert!(answer["id_token"].is_string());
    }
    let wrong = keycloak.form(TOKEN, &password("alice", "guess"));
    assert_eq!(
        wrong,
        (
            401,
            json!({"error": "invalid_grant", "error_description": "Invalid user credentials"})
        )
    );
}

#[test]
fn clients_get_tokens_of_their_own() {
    let mut keycloak = keycloak();
    let grant = ("grant_type", "client_credentials");
    let id = ("client_id", credentials::KEYCLOAK_CLIENT);
    let (status, answer) = keycloak.form(
        TOKEN,
        &[grant, id, ("client_secret", credentials::KEYCLOAK_CLIENT_SECRET)],
    );
    assert_eq!((status, answer.get("refresh_token")), (200, None));
    let claims = check(&keycloak, answer["access_token"].as_str().unwrap()).unwrap();
    assert_eq!(claims["preferred_username"], "service-account-opstella");
    let ci = [
        grant,
        ("client_id", credentials::KEYCLOAK_CI_CLIENT),
        ("client_secret", credentials::KEYCLOAK_CI_CLIENT_SECRET),
    ];
    let (_, answer) = keycloak.form(TOKEN, &ci);
    let claims = check(&keycloak, answer["access_token"].as_str().unwrap()).unwrap();
    assert_eq!(claims["groups"], json!(["project:payments:ci"]));
    assert_eq!(claims["client_id"], credentials::KEYCLOAK_CI_CLIENT);
    let issued = keycloak.tool.issue_for_client(credentials::KEYCLOAK_CI_CLIENT);
    assert_eq!(check(&keycloak, &issued.unwrap()).unwrap()["sub"], claims["sub"]);
    let public = credentials::KEYCLOAK_PUBLIC_CLIENT;
    assert_eq!(keycloak.tool.issue_for_client(public), None);
    assert_eq!(
        keycloak.form(TOKEN, &[grant, id, ("client_secret", "no")]).1["error"],
        "unauthorized_client"
    );
    assert_eq!(
        keycloak.form(TOKEN, &[grant, ("client_id", "nobody")]).1["error"],
        "invalid_client"
    );
    assert_eq!(
        keycloak
            .form(
                TOKEN,
                &[grant, ("client_id", credentials::KEYCLOAK_PUBLIC_CLIENT)]
            )
            .0,
        401
    );
    assert_eq!(keycloak.form(TOKEN, &[id]).1["error"], "invalid_request");
    let other = [
        ("grant_type", "magic"),
        ("client_id", credentials::KEYCLOAK_PUBLIC_CLIENT),
    ];
    assert_eq!(
        keycloak.form(TOKEN, &other),
        (
            400,
            json!({"error": "unsupported_grant_type", "error_description": "Unsupported grant_type"})
        )
    );
    keycloak.headers = vec![(
        "authorization",
        "Basic b3BzdGVsbGE6b3BzdGVsbGEtc2FuZGJveC1zZWNyZXQ=".to_owned(),
    )];
    assert_eq!(keycloak.form(TOKEN, &[grant]).0, 200);
}

#[test]
fn refresh_tokens_work_until_logout() {
    let keycloak = keycloak();
    let (_, first) = keycloak.form(TOKEN, &password("bob", "bob-demo"));
    let client = ("client_id", credentials::KEYCLOAK_PUBLIC_CLIENT);
    let refresh = [
        ("grant_type", "refresh_token"),
        client,
        ("refresh_token", first["refresh_token"].as_str().unwrap()),
    ];
    let (status, second) = keycloak.form(TOKEN, &refresh);
    assert_eq!(status, 200);
    assert!(check(&keycloak, second["access_token"].as_str().unwrap()).is_ok());
    let logout = "/realms/opstella/protocol/openid-connect/logout";
    assert_eq!(keycloak.form(logout, &refresh).0, 204);
    assert_eq!(
        keycloak.form(TOKEN, &refresh),
        (
            400,
            json!({"error": "invalid_grant", "error_description": "Invalid refresh token"})
        )
    );
}

#[test]
fn introspection_and_userinfo_know_a_good_token() {
    let mut keycloak = keycloak();
    let good = keycloak.tool.issue_for("carol").unwrap();
    let expired = keycloak.tool.issue(json!({"exp": 1}));
    let introspect = |token: &str| {
        let client = [
            ("client_id", credentials::KEYCLOAK_CLIENT),
            ("client_secret", credentials::KEYCLOAK_CLIENT_SECRET),
        ];
        let pairs = [client[0], client[1], ("token", token)];
        keycloak
            .form(
                "/realms/opstella/protocol/openid-connect/token/introspect",
                &pairs,
            )
            .1
    };
    assert_eq!(
        (&introspect(&good)["active"], &introspect(&good)["username"]),
        (&json!(true), &json!("carol"))
    );
    assert_eq!(introspect(&expired), json!({"active": false}));
    let userinfo = "/realms/opstella/protocol/openid-connect/userinfo";
    assert_eq!(keycloak.get(userinfo).0, 401);
    keycloak.headers = vec![("authorization", format!("Bearer {good}"))];
    assert_eq!(keycloak.get(userinfo).1["email"], "carol@example.com");
}

#[test]
fn issues_wrong_tokens_on_demand() {
    let keycloak = keycloak();
    let issue = |claims: Value| keycloak.tool.issue(claims);
    assert_eq!(
        check(&keycloak, &issue(json!({"sub": "me"}))).unwrap()["sub"],
        "me"
    );
    for (what, claims) in [
        ("expired", json!({"exp": 1})),
        ("audience", json!({"aud": "other"})),
        ("issuer", json!({"iss": "http://127.0.0.1/elsewhere"})),
        ("without exp", json!({"exp": null})),
    ] {
        assert!(check(&keycloak, &issue(claims)).is_err(), "{what}");
    }
    for signing in [Signing::ForeignKey, Signing::Hs256WithPublicKey, Signing::Rs384] {
        assert!(
            check(&keycloak, &keycloak.tool.issue_signed(json!({}), signing)).is_err(),
            "{signing:?}"
        );
    }
    let unsigned = keycloak.tool.issue_signed(json!({}), Signing::Unsigned);
    assert!(unsigned.ends_with('.') && unsigned.split('.').count() == 3);
}

#[test]
fn lifetimes_and_realms() {
    let keycloak = Caller {
        tool: Keycloak::new(Client::demo()).with_token_lifetime(Duration::from_secs(7)),
        headers: vec![],
    };
    assert_eq!(
        keycloak.form(TOKEN, &password("dave", "dave-demo")).1["expires_in"],
        7
    );
    assert_eq!(
        keycloak.get("/realms/other/.well-known/openid-configuration"),
        (404, json!({"error": "Realm does not exist"}))
    );
    assert_eq!(keycloak.get(TOKEN).0, 405);
    assert_eq!(keycloak.get("/realms/opstella").1["realm"], "opstella");
}
