//! Tokens are renewed before they end, by one request of many.

use futures::future::join_all;
use opstella_sandbox::Fault;
use reqwest::Method;

use super::{change, recorded, server, server_with_tokens_of, signed_in};
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
