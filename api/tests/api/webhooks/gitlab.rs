//! GitLab's, and what holds for all.

use serde_json::json;

use super::{send, with_release};
use crate::support::Server;

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_refused_before_anything_is_looked_at() {
    let server = Server::start_with(|config| {
        config.limits.requests_per_second = 1;
        config.limits.burst = 3;
    })
    .await;
    let mut refused = 0;
    for _ in 0..8 {
        let answer = send(&server, "gitlab", None, "{}").await;
        match answer.status.as_u16() {
            429 => refused += 1,
            status => assert_eq!(status, 401),
        }
    }
    assert!(refused >= 4, "{refused}");
    // People are not kept out by it.
    server.get("/projects").await.expect(200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gitlab_sends_its_token() {
    let server = with_release().await;
    let body = |path: &str| {
        json!({"object_kind": "pipeline", "project": {"path_with_namespace": path}, "builds": []}).to_string()
    };
    let ours = body("payments/checkout_api");
    let given = |token| Some(("X-Gitlab-Token", token));
    send(&server, "gitlab", given("gitlab's secret"), &ours)
        .await
        .expect(202);
    for (header, body) in [
        (None, &ours),
        (given("gitlab's secre"), &ours),
        (given(""), &ours),
        (given("sonar's secret"), &ours),
        (given("gitlab's secret"), &body("payments/checkout_none")),
        (given("gitlab's secret"), &body("payments/else/where")),
    ] {
        let answer = send(&server, "gitlab", header, body).await;
        answer.problem(401, "unauthenticated");
    }
    server.stop().await;
}
