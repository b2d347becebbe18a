//! What tools send: only what they sign is believed.

mod argocd;
mod gitlab;
mod sonarqube;

use reqwest::Method;
use serde_json::json;

use crate::resources::ended;
use crate::support::{Answer, Server};

const SONAR: &str = "payments/checkout/platform/webhook/sonarqube/api";
const GITLAB: &str = "payments/checkout/platform/webhook/gitlab/api";
const RELEASE: &str = "/projects/payments/services/checkout/releases/1.4.0";

fn commit(letter: &str) -> String {
    letter.repeat(40)
}

/// Sends as a tool does: without a token of the issuer.
async fn send(server: &Server, tool: &str, header: Option<(&str, &str)>, body: &str) -> Answer {
    let url = format!("{}/api/v1/webhooks/{tool}", server.base);
    let mut request = server.http.request(Method::POST, url).body(body.to_owned());
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    Answer::of(request.send().await.unwrap()).await
}

/// A server on which `checkout` is made, with the release 1.4.0 of the commit `aaa…`.
async fn with_release() -> Server {
    let server = Server::start().await;
    let made = server.with_service().await;
    ended(&server, made.body["run"].as_str().unwrap(), "succeeded").await;
    server.tools.keep(SONAR, "sonar's secret");
    server.tools.keep(GITLAB, "gitlab's secret");
    register(&server).await;
    server
}

/// Registers the release, and waits until it is shown.
async fn register(server: &Server) {
    let image = json!({"name": "api", "digest": format!("sha256:{}", "1".repeat(64)), "commit": commit("a")});
    let release = json!({"version": "1.4.0", "components": [image]});
    let registered = server
        .post("/projects/payments/services/checkout/releases", release)
        .await
        .expect(201);
    let position = registered.header("x-opstella-position").to_owned();
    server
        .get(&format!("{RELEASE}?after={position}"))
        .await
        .expect(200);
}
