//! Logout by the provider.

use std::time::Duration;

use chrono::Utc;
use opstella_sandbox::Fault;
use opstella_sandbox::credentials::KEYCLOAK_CLIENT;
use opstella_sandbox::keycloak::Signing;
use serde_json::{Value, json};

use super::{Browser, change, recorded, server, signed_in};
use crate::support::{Answer, Server, eventually};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

async fn send(server: &Server, token: &str) -> Answer {
    let url = format!("{}/auth/backchannel-logout", server.base);
    let request = server.http.post(url).form(&[("logout_token", token)]);
    Answer::of(request.send().await.unwrap()).await
}

/// A logout token's claims, with these instead; null leaves one out.
fn claims(server: &Server, other: Value) -> Value {
    let now = Utc::now().timestamp();
    let mut all = json!({
        "typ": "Logout", "sub": server.keycloak().subject_of("alice"), "aud": KEYCLOAK_CLIENT, "iat": now,
        "exp": now + 120, "azp": null, "preferred_username": null, "events": {EVENT: {}},
    });
    all.as_object_mut()
        .unwrap()
        .extend(other.as_object().unwrap().clone());
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn the_provider_ends_a_session() {
    let server = server().await;
    let url = format!("{}/auth/backchannel-logout", server.base);
    server
        .keycloak()
        .set_backchannel_logout_url(KEYCLOAK_CLIENT, &url);
    let mut first = signed_in(&server, "alice").await;
    let sid = server.keycloak().sessions_of("alice").remove(0);
    let mut second = signed_in(&server, "alice").await;
    let mut other = signed_in(&server, "bob").await;
    server.keycloak().end_person_session(&sid);
    let (ended, event) = recorded(&server, "SignedOut", 1).await.remove(0);
    assert_eq!(ended["reason"], "signed out at the provider");
    assert_eq!(ended["subject"], server.keycloak().subject_of("alice"));
    assert_eq!(event["actor_address"], "127.0.0.1");
    first.get("/auth/session").await.problem(401, "unauthenticated");
    second.get("/auth/session").await.expect(200);
    // Without a `sid`, all sessions of the subject end.
    let token = server.keycloak().issue(claims(&server, json!({})));
    let answer = send(&server, &token).await.expect(200);
    assert_eq!(answer.header("cache-control"), "no-store");
    second.get("/auth/session").await.problem(401, "unauthenticated");
    other.get("/auth/session").await.expect(200);
    // Of nobody who is signed in: well, too.
    let token = server
        .keycloak()
        .issue(claims(&server, json!({"sid": "none", "sub": null})));
    send(&server, &token).await.expect(200);
    other.get("/auth/session").await.expect(200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_while_the_tokens_are_fetched_ends_the_session_that_begins() {
    let server = server().await;
    let slow = Fault::on("keycloak")
        .method("POST")
        .path("/realms/opstella/protocol/openid-connect/token")
        .latency(Duration::from_secs(1))
        .times(1);
    let mut browser = Browser::new(&server.base);
    let to = browser.begin().await;
    let back = browser.approve(to, "alice").await;
    server.sandbox.add_fault(slow).unwrap();
    let finish = browser.get(&back);
    tokio::pin!(finish);
    let answer = loop {
        // One comes while the tokens are on their way.
        let token = server.keycloak().issue(claims(&server, json!({})));
        tokio::select! {
            answer = &mut finish => break answer,
            _ = async {
                send(&server, &token).await.expect(200);
                tokio::time::sleep(Duration::from_millis(100)).await;
            } => {}
        }
    };
    let refused = answer.problem(400, "sign-in-failed");
    assert!(refused.body["detail"].as_str().unwrap().contains("meanwhile"));
    let (ended, _) = recorded(&server, "SignedOut", 1).await.remove(0);
    assert_eq!(ended["reason"], "signed out at the provider");
    // The next sign-in is another one.
    signed_in(&server, "alice").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_token_is_taken_once() {
    let server = server().await;
    let token = server.keycloak().issue(claims(&server, json!({})));
    send(&server, &token).await.expect(200);
    let mut browser = signed_in(&server, "alice").await;
    let again = send(&server, &token).await.problem(400, "invalid-logout-token");
    assert!(again.body["detail"].as_str().unwrap().contains("jti"));
    browser.get("/auth/session").await.expect(200);
    // What is remembered is forgotten when it has expired anyway.
    assert_eq!(
        change(&server, "UPDATE logout_tokens SET expires_at = now()").await,
        1
    );
    let state = server.serving.as_ref().unwrap().state();
    state.sign_in.as_ref().unwrap().sweep().await.unwrap();
    assert_eq!(change(&server, "DELETE FROM logout_tokens").await, 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_that_fails_may_be_sent_again() {
    let server = server().await;
    let mut browser = signed_in(&server, "alice").await;
    change(
        &server,
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$",
    )
    .await;
    change(
        &server,
        "CREATE TRIGGER no BEFORE UPDATE OR DELETE ON sessions EXECUTE FUNCTION no()",
    )
    .await;
    let token = server.keycloak().issue(claims(&server, json!({})));
    assert!(send(&server, &token).await.status.is_server_error());
    assert_eq!(change(&server, "DELETE FROM logout_tokens").await, 0);
    change(&server, "DROP TRIGGER no ON sessions").await;
    send(&server, &token).await.expect(200);
    browser.get("/auth/session").await.problem(401, "unauthenticated");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_right_logout_token_is_taken() {
    let server = server().await;
    let mut browser = signed_in(&server, "alice").await;
    let now = Utc::now().timestamp();
    let keycloak = server.keycloak();
    for (name, other, detail) in [
        ("audience", json!({"aud": "another"}), "audience"),
        ("no audience", json!({"aud": null}), "claim"),
        ("issuer", json!({"iss": "https://evil.example"}), "issuer"),
        ("expired", json!({"iat": now - 400, "exp": now - 300}), "expired"),
        ("no exp", json!({"exp": null}), "claim"),
        ("no iat", json!({"iat": null}), "claim"),
        ("future", json!({"iat": now + 300, "exp": now + 400}), "future"),
        ("old", json!({"iat": now - 5000}), "older"),
        ("lives long", json!({"exp": now + 50_000}), "lives longer"),
        ("no jti", json!({"jti": null}), "claim"),
        ("empty jti", json!({"jti": ""}), "jti"),
        ("nobody", json!({"sub": null, "sid": null}), "neither"),
        ("no events", json!({"events": null}), "claim"),
        ("other events", json!({"events": {"x": {}}}), "events"),
        ("event is no object", json!({"events": {EVENT: true}}), "events"),
        ("nonce", json!({"nonce": "n"}), "nonce"),
    ] {
        let token = keycloak.issue(claims(&server, other));
        let answer = send(&server, &token).await.problem(400, "invalid-logout-token");
        let given = answer.body["detail"].as_str().unwrap();
        assert!(given.contains(detail), "{name}: {given}");
    }
    for signing in [
        Signing::ForeignKey,
        Signing::Hs256WithPublicKey,
        Signing::Rs384,
        Signing::Unsigned,
    ] {
        let token = keycloak.issue_signed(claims(&server, json!({})), signing);
        send(&server, &token).await.problem(400, "invalid-logout-token");
    }
    // Other tokens of the same provider are none.
    send(&server, &keycloak.issue_for("alice").unwrap())
        .await
        .problem(400, "invalid-logout-token");
    let url = format!("{}/auth/backchannel-logout", server.base);
    let token = keycloak.issue(claims(&server, json!({})));
    let twice = [("logout_token", &token), ("logout_token", &token)];
    for request in [
        server.http.post(&url).form(&[("token", "x")]),
        server.http.post(&url).form(&twice),
    ] {
        let answer = Answer::of(request.send().await.unwrap()).await;
        answer.problem(400, "invalid-logout-token");
    }
    let json = server.http.post(&url).json(&json!({"logout_token": token}));
    Answer::of(json.send().await.unwrap())
        .await
        .problem(415, "unsupported-media-type");
    browser.get("/auth/session").await.expect(200);
    // And a logout token opens nothing.
    let bearer = server
        .http
        .get(format!("{}/api/v1/projects", server.base))
        .bearer_auth(&token);
    let refused = Answer::of(bearer.send().await.unwrap()).await;
    let refused = refused.problem(401, "unauthenticated");
    assert!(
        refused.body["detail"]
            .as_str()
            .unwrap()
            .contains("no access token")
    );
    send(&server, &token).await.expect(200);
    eventually("the session has ended", async || {
        let answer = browser.clone().get("/auth/session").await;
        (answer.status == 401).then_some(())
    })
    .await;
    server.stop().await;
}
