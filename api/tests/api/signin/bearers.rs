//! People who signed in elsewhere, and come with a bearer token.

use opstella_sandbox::credentials;
use reqwest::Method;
use serde_json::{Value, json};

use super::{events, recorded, server};
use crate::support::{Answer, Server};

/// What the issuer's token endpoint gives for a form.
async fn tokens(server: &Server, form: &[(&str, &str)]) -> Value {
    let url = format!("{}/protocol/openid-connect/token", server.keycloak().issuer());
    let answer = server.http.post(url).form(form).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.json().await.unwrap()
}

async fn by_password(server: &Server, user: &str) -> Value {
    let password = format!("{user}-demo");
    let form = [
        ("grant_type", "password"),
        ("client_id", "opstella-cli"),
        ("username", user),
        ("password", &password),
        ("scope", "openid"),
    ];
    tokens(server, &form).await
}

async fn ask(server: &Server, method: Method, path: &str, tokens: &Value) -> Answer {
    let request = server.http.request(method, format!("{}{path}", server.base));
    let request = request.bearer_auth(tokens["access_token"].as_str().unwrap());
    Answer::of(request.send().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_elsewhere_is_on_record_once() {
    let server = server().await;
    let first = by_password(&server, "alice").await;
    let (one, other) = tokio::join!(
        ask(&server, Method::GET, "/api/v1/projects", &first),
        ask(&server, Method::GET, "/api/v1/events", &first),
    );
    one.expect(200);
    other.expect(200);
    // The session goes on with other tokens.
    let refresh = first["refresh_token"].as_str().unwrap();
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "opstella-cli"),
        ("refresh_token", refresh),
    ];
    let renewed = tokens(&server, &form).await;
    assert_ne!(renewed["access_token"], first["access_token"]);
    ask(&server, Method::GET, "/api/v1/projects", &renewed)
        .await
        .expect(200);
    let subject = server.keycloak().subject_of("alice");
    let (signed_in, event) = recorded(&server, "SignedIn", 1).await.remove(0);
    assert_eq!(signed_in, json!({"subject": subject, "client": "opstella-cli"}));
    assert_eq!(event["actor"], subject);
    assert_eq!(event["actor_address"], "127.0.0.1");
    assert_eq!(event["command"], "SignIn");

    // Another one is another one.
    let second = by_password(&server, "alice").await;
    ask(&server, Method::GET, "/api/v1/projects", &second)
        .await
        .expect(200);
    recorded(&server, "SignedIn", 2).await;

    for _ in 0..2 {
        ask(&server, Method::POST, "/auth/logout", &second)
            .await
            .expect(204);
    }
    let (signed_out, event) = recorded(&server, "SignedOut", 1).await.remove(0);
    let wanted = json!({"subject": subject, "client": "opstella-cli", "reason": "signed out"});
    assert_eq!(signed_out, wanted);
    assert_eq!(event["actor_address"], "127.0.0.1");
    // Its token is good still: who comes with it is on record again.
    ask(&server, Method::GET, "/api/v1/projects", &second)
        .await
        .expect(200);
    recorded(&server, "SignedIn", 3).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_nobody_came_with_for_long_counts_as_new() {
    let server = server().await;
    let tokens = by_password(&server, "bob").await;
    ask(&server, Method::GET, "/api/v1/projects", &tokens)
        .await
        .expect(200);
    recorded(&server, "SignedIn", 1).await;
    super::change(
        &server,
        "UPDATE bearer_sessions SET last_seen_at = now() - interval '2 days'",
    )
    .await;
    // Another process, which does not remember it.
    let Server {
        database,
        serving,
        sandbox,
        ..
    } = server;
    serving.unwrap().stop().await;
    let server = Server::start_on(database, sandbox, super::configure).await;
    ask(&server, Method::GET, "/api/v1/projects", &tokens)
        .await
        .expect(200);
    recorded(&server, "SignedIn", 2).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_do_not_sign_in() {
    let server = server().await;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", credentials::KEYCLOAK_CI_CLIENT),
        ("client_secret", credentials::KEYCLOAK_CI_CLIENT_SECRET),
    ];
    let machine = tokens(&server, &form).await;
    ask(&server, Method::GET, "/api/v1/projects", &machine)
        .await
        .expect(200);
    ask(&server, Method::POST, "/auth/logout", &machine)
        .await
        .expect(204);
    // What comes after it is on record.
    let carol = by_password(&server, "carol").await;
    ask(&server, Method::GET, "/api/v1/projects", &carol)
        .await
        .expect(200);
    let (signed_in, _) = recorded(&server, "SignedIn", 1).await.remove(0);
    assert_eq!(signed_in["subject"], server.keycloak().subject_of("carol"));
    assert_eq!(events(&server, "SignedOut").await, Vec::<Value>::new());
    server.stop().await;
}
