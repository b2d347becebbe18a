//! What is no JSON, or not the JSON that was asked for, stores nothing.

use reqwest::{Body, Method};
use serde_json::{Value, json};

use crate::limits::stored;
use crate::support::{Answer, Server};

async fn send(server: &Server, kind: &str, body: impl Into<Body>) -> Answer {
    let request = server
        .request(Method::POST, "/projects")
        .header("Content-Type", kind)
        .body(body);
    Answer::of(request.send().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_well_formed_is_refused() {
    let server = Server::start().await;
    let before = stored(&server).await;
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for body in ["", "{", "{\"slug\": }", "{} {}", "nonsense", &deep] {
        let answer = send(&server, "application/json", body.to_owned()).await;
        answer
            .problem(400, "malformed-json")
            .field("body", "one JSON value");
    }
    send(&server, "application/json", vec![b'"', 0xff, b'"'])
        .await
        .problem(400, "malformed-json");
    for kind in ["text/plain", "application/xml", "application/jsonp", ""] {
        let body = json!({"slug": "a", "name": "x"}).to_string();
        let answer = send(&server, kind, body).await;
        answer
            .problem(415, "unsupported-media-type")
            .field("Content-Type", "must be application/json");
    }
    let unknown: Value = json!({"slug": "a", "name": "x", "colour": "red"});
    server
        .post("/projects", unknown)
        .await
        .problem(422, "invalid-field")
        .field("colour", "unknown field");
    let twice = send(
        &server,
        "application/json",
        r#"{"slug": "a", "name": "x", "slug": "b"}"#,
    )
    .await;
    twice.problem(422, "invalid-field").field("slug", "twice");
    let week = |from: Value| {
        json!({"rules": {"freezes": [{"name": "weekend", "timezone": "Europe/Berlin", "when": {
        "type": "weekly", "from": from, "to": {"day": 1, "time": "06:00:00"}}}]}})
    };
    for (path, body, field) in [
        (
            "/policies/PRD",
            json!({"rules": {"max_critcal": 0}}),
            "rules.max_critcal",
        ),
        (
            "/policies/PRD",
            json!({"rules": {"approvals": [{"roles": ["tester"], "people": 1, "within": 3}]}}),
            "rules.approvals[0].within",
        ),
        (
            "/policies/PRD",
            week(json!({"day": 5, "time": "16:00:00", "hour": 1})),
            "rules.freezes[0].when.from.hour",
        ),
        (
            "/tools/vault/main",
            json!({"url": "https://vault.example", "credential": "vault", "settings": {"mount": "x"}}),
            "settings.mount",
        ),
    ] {
        server
            .put(path, body)
            .await
            .problem(422, "invalid-field")
            .field(field, "unknown field");
    }
    assert_eq!(before, stored(&server).await);
    server.stop().await;
}
