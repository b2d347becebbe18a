//! A repeated request gets the first answer.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Server, checkout};

async fn send(server: &Server, path: &str, key: &str, body: Value) -> Answer {
    let request = server
        .request(Method::POST, path)
        .header("Idempotency-Key", key)
        .json(&body);
    Answer::of(request.send().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_gets_the_first_answer_and_another_request_is_refused() {
    let server = Server::start().await;
    let body = json!({"slug": "payments", "name": "Payments"});
    let first = send(&server, "/projects", "k1", body.clone()).await.expect(201);
    assert_eq!(first.header("idempotency-replayed"), "");
    let again = send(&server, "/projects", "k1", body).await.expect(201);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.body, first.body);
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.header("etag"), first.header("etag"));

    // Order and spaces of the body do not make it another request.
    let request = server
        .request(Method::POST, "/projects")
        .header("Idempotency-Key", "k1")
        .header("Content-Type", "application/json")
        .body("{ \"name\": \"Payments\", \"slug\":\"payments\" }");
    Answer::of(request.send().await.unwrap()).await.expect(201);

    let other = json!({"slug": "other", "name": "Other"});
    send(&server, "/projects", "k1", other.clone())
        .await
        .problem(422, "idempotency-key-reused");
    // Somebody else's key of the same name is another key.
    let bob = server.keycloak().issue_for("bob").unwrap();
    let request = server
        .http
        .post(format!("{}/api/v1/projects", server.base))
        .bearer_auth(bob)
        .header("Idempotency-Key", "k1")
        .json(&other);
    Answer::of(request.send().await.unwrap()).await.expect(201);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_requests_at_once_make_one_service() {
    let server = Server::start().await;
    server.furnish().await;
    let path = "/projects/payments/services";
    let all = futures::future::join_all((0..8).map(|_| send(&server, path, "once", checkout()))).await;
    let first = all[0].body.clone();
    for answer in all {
        assert_eq!(answer.expect(202).body, first);
    }
    let last = first["position"].as_str().unwrap();
    let runs = server.get(&format!("/runs?after={last}")).await.expect(200);
    assert_eq!(runs.body["items"].as_array().unwrap().len(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_does_not_use_its_key_up() {
    let server = Server::start().await;
    let services = "/projects/payments/services";
    send(&server, services, "k", checkout())
        .await
        .problem(404, "not-found");
    server.furnish().await;
    send(&server, services, "k", checkout()).await.expect(202);
    server.stop().await;
}
