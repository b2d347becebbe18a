//! `If-Match` with the version of an aggregate.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Server, checkout};

async fn connect(server: &Server, etag: &str, credential: &str) -> Answer {
    let body: Value = json!({"url": "https://gitlab.example.com", "credential": credential});
    let request = server
        .request(Method::PUT, "/tools/gitlab/main")
        .header("If-Match", etag)
        .json(&body);
    Answer::of(request.send().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_what_somebody_else_changed_is_refused() {
    let server = Server::start().await;
    let made = connect(&server, "*", "one").await.expect(200);
    let etag = made.header("etag").to_owned();
    let changed = connect(&server, &etag, "two").await.expect(200);
    assert_eq!(changed.header("etag"), "\"2\"");
    let late = connect(&server, &etag, "three")
        .await
        .problem(412, "version-mismatch");
    assert_eq!(late.header("etag"), "\"2\"");
    let after = changed.header("x-opstella-position");
    let read = server
        .get(&format!("/tools/gitlab/main?after={after}"))
        .await
        .expect(200);
    assert_eq!(read.header("etag"), "\"2\"");
    assert_eq!(read.body["credential"], "two");
    server.stop().await;
}

/// The dry run refuses what the command would.
#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_looks_at_the_version_too() {
    let server = Server::start().await;
    server.furnish().await;
    for path in [
        "/projects/payments/services?dry_run=true",
        "/projects/payments/services",
    ] {
        let request = server
            .request(Method::POST, path)
            .header("If-Match", "\"99\"")
            .json(&checkout());
        let answer = Answer::of(request.send().await.unwrap()).await;
        answer.problem(412, "version-mismatch");
    }
    server.stop().await;
}
