//! Tokens are renewed before they end, by one request of many.

use std::time::Duration;

use futures::future::join_all;
use opstella_sandbox::Fault;
use reqwest::Method;

use super::{change, events, recorded, server, server_with_tokens_of, signed_in};
use crate::support::{Answer, eventually};

const DUE: &str = "UPDATE sessions SET renew_at = now()";
const TOKEN: &str = "/realms/opstella/protocol/openid-connect/token";

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_renew_once() {
    let server = server().await;
    let mut browser = signed_in(&server, "alice").await;
    let before = sealed(&server).await;
    change(&server, DUE).await;
    let requests = (0..20).map(|_| async {
        let answer = browser
            .request(Method::GET, "/api/v1/projects")
            .send()
            .await
            .unwrap();
        Answer::of(answer).await.status
    });
    // A refresh token is good for one time: a second renewal would end the session.
    assert!(join_all(requests).await.into_iter().all(|status| status == 200));
    assert_ne!(sealed(&server).await, before);
    change(&server, DUE).await;
    browser.get("/auth/session").await.expect(200);
    assert_eq!(server.keycloak().sessions_of("alice").len(), 1);
    server.stop().await;
}

async fn sealed(server: &crate::support::Server) -> Vec<u8> {
    let pool = server.serving.as_ref().unwrap().state().journal.pool().clone();
    let text = "SELECT sealed FROM sessions";
    sqlx::query_scalar(text).fetch_one(&pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_outlives_its_access_token() {
    let server = server_with_tokens_of(2).await;
    let mut browser = signed_in(&server, "alice").await;
    let first = sealed(&server).await;
    // The first token ends after two seconds; the session goes on with a third.
    let seen = std::sync::Mutex::new(std::collections::BTreeSet::from([first]));
    eventually("two renewals", || async {
        let answer = browser
            .request(Method::GET, "/auth/session")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        let sealed = sealed(&server).await;
        let mut seen = seen.lock().unwrap();
        seen.insert(sealed);
        (seen.len() >= 3).then_some(())
    })
    .await;
    browser.get("/api/v1/projects").await.expect(200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_provider_does_not_renew_ends() {
    let server = server().await;
    let mut browser = signed_in(&server, "alice").await;
    // No back-channel: Opstella learns of it when it asks.
    for sid in server.keycloak().sessions_of("alice") {
        server.keycloak().end_person_session(&sid);
    }
    browser.get("/auth/session").await.expect(200);
    change(&server, DUE).await;
    browser
        .get("/api/v1/projects")
        .await
        .problem(401, "unauthenticated");
    let (ended, _) = recorded(&server, "SignedOut", 1).await.remove(0);
    assert_eq!(ended["reason"], "the provider does not renew the session");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_away_does_not_end_sessions() {
    let server = server().await;
    let mut browser = signed_in(&server, "alice").await;
    let down = Fault::on("keycloak")
        .method("POST")
        .path(TOKEN)
        .status(503)
        .times(1);
    server.sandbox.add_fault(down).unwrap();
    change(&server, DUE).await;
    // The token at hand is still good.
    browser.get("/auth/session").await.expect(200);
    assert_eq!(server.sandbox.faults_hit(), 1);
    change(&server, DUE).await;
    browser.get("/auth/session").await.expect(200);
    change(&server, DUE).await;
    browser.get("/auth/session").await.expect(200);
    server.stop().await;
}

/// Renews until the tokens are others; nothing but 200 and 503 is answered on the way.
async fn renewed(server: &crate::support::Server, browser: &mut super::Browser) {
    let before = sealed(server).await;
    change(server, DUE).await;
    eventually("other tokens that are taken", async || {
        let answer = browser.clone().get("/auth/session").await;
        assert!(
            answer.status == 200 || answer.status == 503,
            "{}: {}",
            answer.status,
            answer.body
        );
        (answer.status == 200 && sealed(server).await != before).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_of_the_provider_does_not_end_sessions() {
    let mut server = server().await;
    let mut browser = signed_in(&server, "alice").await;
    for _ in 0..2 {
        server.keycloak().rotate_keys();
        renewed(&server, &mut browser).await;
    }
    // Also where the new key cannot be read: the new tokens are kept until it can.
    let certs = "/realms/opstella/protocol/openid-connect/certs";
    let down = Fault::on("keycloak").path(certs).status(502);
    server.sandbox.add_fault(down).unwrap();
    server.keycloak().rotate_keys();
    let before = sealed(&server).await;
    change(&server, DUE).await;
    browser.get("/auth/session").await.problem(503, "unavailable");
    assert_ne!(sealed(&server).await, before);
    browser.get("/api/v1/projects").await.problem(503, "unavailable");
    server.sandbox.clear_faults();
    renewed(&server, &mut browser).await;
    server.token = server.keycloak().issue_for("root").unwrap();
    assert!(events(&server, "SignedOut").await.is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_that_outlives_its_lease_does_not_end_the_session() {
    let server = server().await;
    let mut browser = signed_in(&server, "alice").await;
    let slow = Fault::on("keycloak").method("POST").path(TOKEN).times(1);
    let slow = slow.latency(Duration::from_secs(3));
    server.sandbox.add_fault(slow).unwrap();
    change(&server, DUE).await;
    let first = tokio::spawn({
        let mut browser = browser.clone();
        async move { browser.get("/auth/session").await }
    });
    eventually("the renewal is under way", async || {
        (server.sandbox.faults_hit() == 1).then_some(())
    })
    .await;
    // As if it had been under way for longer.
    change(&server, "UPDATE sessions SET renewing_until = now()").await;
    browser.get("/auth/session").await.expect(200);
    // The first one's refresh token is used up when it gets there; the session has other tokens by now.
    first.await.unwrap().expect(200);
    browser.get("/auth/session").await.expect(200);
    assert!(events(&server, "SignedOut").await.is_empty());
    server.stop().await;
}
