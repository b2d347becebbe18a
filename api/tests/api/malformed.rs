//! What is no JSON, or not the JSON that was asked for, stores nothing.

use reqwest::{Body, Method};
use serde_json::{Value, json};

use crate::limits::head;
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
    let before = head(&server).await;
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for body in ["", "{", "{\"slug\": }", "{} {}", "nonsense", &deep] {
        let answer = send(&server, "application/json", body.to_owned()).await;
        answer.problem(400, "malformed-json");
    }
    send(&server, "application/json", vec![b'"', 0xff, b'"'])
        .await
        .problem(400, "malformed-json");
    for kind in ["text/plain", "application/xml", "application/jsonp", ""] {
        let body = json!({"slug": "a", "name": "x"}).to_string();
        let answer = send(&server, kind, body).await;
        answer.problem(415, "unsupported-media-type");
    }
    let unknown: Value = json!({"slug": "a", "name": "x", "colour": "red"});
    server
        .post("/projects", unknown)
        .await
        .problem(422, "invalid-field")
        .field("colour", "unknown field");
    assert_eq!(before, head(&server).await);
    server.stop().await;
}
