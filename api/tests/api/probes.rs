//! What machines that watch see, without a token.

use crate::support::{Server, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn probes_need_no_token_and_say_what_is_there() {
    let server = Server::start().await;
    let open = |path: &str| server.http.get(format!("{}{path}", server.base));
    let health = open("/healthz").send().await.unwrap();
    assert_eq!(health.text().await.unwrap(), "ok\n");
    let ready = eventually("ready", async || {
        let ready = open("/readyz").send().await.unwrap();
        let done = ready.status() == 200;
        let body: serde_json::Value = ready.json().await.unwrap();
        done.then_some(body)
    })
    .await;
    let names: Vec<_> = ready["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["name"])
        .collect();
    for name in [
        "database",
        "oidc-keys",
        "engine",
        "projection:catalog",
        "projection:audit",
    ] {
        assert!(names.iter().any(|n| *n == name), "{name}: {names:?}");
    }
    server.get("/projects").await.expect(200);
    let metrics = open("/metrics").send().await.unwrap().text().await.unwrap();
    for name in [
        "opstella_http_requests_total{route=\"/api/v1/projects\",method=\"GET\",status=\"200\"}",
        "opstella_http_request_seconds_bucket",
        "opstella_engine_active",
    ] {
        assert!(metrics.contains(name), "{name}\n{metrics}");
    }
    // Who balances load may keep a connection while the process stops: it learns why to go elsewhere.
    server.serving.as_ref().unwrap().state().stopping.cancel();
    let stopping = open("/readyz").send().await.unwrap();
    assert_eq!(stopping.status(), 503);
    let stopping: serde_json::Value = stopping.json().await.unwrap();
    let said = stopping["checks"].as_array().unwrap().last().unwrap();
    assert_eq!((&said["name"], &said["ok"]), (&"stopping".into(), &false.into()));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_the_api_are_bundled() {
    let server = Server::start().await;
    let open = |path: &str| server.http.get(format!("{}{path}", server.base));
    let page = open("/api/docs").send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.url().path().ends_with("/api/docs/"));
    let page = page.text().await.unwrap();
    assert!(page.contains("swagger-ui"), "{page}");
    assert!(
        !page.contains("https://"),
        "something is loaded from elsewhere: {page}"
    );
    let script = open("/api/docs/swagger-ui-bundle.js").send().await.unwrap();
    assert_eq!(script.status(), 200);
    let settings = open("/api/docs/swagger-initializer.js").send().await.unwrap();
    assert!(settings.text().await.unwrap().contains("/api/openapi.json"));
    let description = open("/api/openapi.json").send().await.unwrap();
    let description: serde_json::Value = description.json().await.unwrap();
    assert_eq!(description["openapi"], "3.1.0");
    server
        .get("//api/docs/nothing")
        .await
        .problem(404, "no-such-route");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_carry_an_id() {
    let server = Server::start().await;
    let given = server
        .http
        .get(format!("{}/healthz", server.base))
        .header("X-Request-Id", "abc-1");
    let answer = given.send().await.unwrap();
    assert_eq!(answer.headers()["x-request-id"], "abc-1");
    let odd = server
        .http
        .get(format!("{}/healthz", server.base))
        .header("X-Request-Id", "a b\"c");
    let answer = odd.send().await.unwrap();
    let id = answer.headers()["x-request-id"].to_str().unwrap();
    assert!(uuid::Uuid::parse_str(id).is_ok(), "{id}");
    let problem = server.get("/nothing").await;
    assert_eq!(problem.body["request_id"], problem.header("x-request-id"));
    server.stop().await;
}
