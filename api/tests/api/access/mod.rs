//! Who may do what, over real HTTP.

mod denials;
mod hidden;
mod machines;
mod members;
mod table;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Server};

/// Sends a request with somebody else's token.
async fn ask(server: &Server, token: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
    let url = format!("{}/api/v1{path}", server.base);
    let mut request = server.http.request(method, url).bearer_auth(token);
    if let Some(body) = body {
        request = request.json(&body);
    }
    Answer::of(request.send().await.unwrap()).await
}

async fn get(server: &Server, token: &str, path: &str) -> Answer {
    ask(server, token, Method::GET, path, None).await
}

async fn post(server: &Server, token: &str, path: &str, body: Value) -> Answer {
    ask(server, token, Method::POST, path, Some(body)).await
}

/// A token of a demo user.
fn token(server: &Server, user: &str) -> String {
    server.keycloak().issue_for(user).unwrap()
}

/// A token of somebody who is in no group.
fn stranger(server: &Server, subject: &str) -> String {
    server
        .keycloak()
        .issue(json!({"sub": subject, "preferred_username": subject}))
}

fn member(subject: &str, role: &str) -> Value {
    json!({"member": subject, "role": role})
}

/// Waits until the read models have what a command did.
async fn shown(server: &Server, answer: &Answer) {
    let state = server.serving.as_ref().unwrap().state();
    let position = answer.header("x-opstella-position").parse().unwrap();
    let models = ["catalog", "runs", "resources", "audit"];
    let patience = crate::support::PATIENCE;
    let wait = state.projections.wait_for(&models, position, patience);
    wait.await.unwrap();
}
