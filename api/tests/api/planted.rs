//! Webhooks as provisioning plants them: what the tools call, and what they sign with, is what is taken here.

use hmac::{Hmac, KeyInit, Mac};
use opstella_sandbox::harbor::Pushed;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::Answer;
use crate::support::delivery::{Delivery, SERVICE, commit, digest};

/// Where tools are told to call.
const PUBLIC: &str = "https://opstella.example/platform";
const VERSION: &str = "1.4.0";

async fn server() -> Delivery {
    Delivery::start_with(&["DEV"], |config| {
        config.server.public_url = PUBLIC.parse().unwrap();
        config.engine.evidence_seconds = 1;
    })
    .await
}

/// Calls what a tool was told to call.
async fn call(server: &Delivery, url: &str, header: &str, value: &str, body: String) -> Answer {
    let path = url.strip_prefix(PUBLIC).unwrap_or_else(|| panic!("{url}"));
    let request = reqwest::Client::new().request(Method::POST, format!("{}{path}", server.base));
    let request = request
        .header("Content-Type", "application/json")
        .header(header, value);
    Answer::of(request.body(body).send().await.unwrap()).await
}

/// Harbor's scan of the image ends, and finds something.
fn scan(server: &Delivery) {
    let pushed = Pushed {
        repository: "payments_checkout/api".to_owned(),
        digest: digest(VERSION),
    };
    let overview = json!({"application/vnd.security.vulnerability.report; version=1.1": {
        "scan_status": "Success", "severity": "Critical", "complete_percent": 100,
        "summary": {"total": 1, "summary": {"Critical": 1}}, "end_time": "2026-11-25T10:00:00.000Z",
        "scanner": {"name": "Trivy", "vendor": "Aqua Security", "version": "v0.58.1"},
    }});
    server.tools.harbor.scanned(&pushed, overview);
}

/// The newest evidence of a kind, once it has this verdict.
async fn evidence(server: &Delivery, kind: &str, verdict: &str) -> Value {
    let look = async || {
        let release = server.get("root", &format!("{SERVICE}/releases/{VERSION}")).await;
        let images = release.body["images"].as_array().cloned().unwrap_or_default();
        let evidence = images.first()?["evidence"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let newest = evidence.into_iter().find(|e| e["kind"] == kind)?;
        (newest["verdict"] == verdict).then_some(newest)
    };
    server.until(&format!("{kind} {verdict}"), look).await
}

#[tokio::test(flavor = "multi_thread")]
async fn sonarqubes_is_taken_and_what_it_missed_is_asked_for() {
    let server = server().await;
    let tools = server.tools.clone();
    let commit = commit(VERSION);
    // Before there is a release: as CI's pipeline does it.
    let sent = tools
        .sonarqube
        .analyse("payments:checkout:api", &commit, "ERROR")
        .unwrap();
    let [first] = sent.as_slice() else {
        panic!("{sent:?}")
    };
    let header = "X-Sonar-Webhook-HMAC-SHA256";
    let signature = first.signature.clone().unwrap();
    call(&server, &first.url, header, &signature, first.body.clone())
        .await
        .expect(202);
    let unsigned = "0".repeat(signature.len());
    call(&server, &first.url, header, &unsigned, first.body.clone())
        .await
        .problem(401, "unauthenticated");
    server.register(VERSION).await.expect(201);
    evidence(&server, "quality-gate", "failed").await;
    scan(&server);
    let scan = evidence(&server, "registry-scan", "failed").await;
    assert_eq!(scan["tool"], "harbor Trivy v0.58.1", "{scan:#}");
    // Somebody resolves the issues: that is only told by the webhook.
    let sent = tools.sonarqube.triage("payments:checkout:api", "OK").unwrap();
    let [second] = sent.as_slice() else {
        panic!("{sent:?}")
    };
    let signature = second.signature.clone().unwrap();
    call(&server, &second.url, header, &signature, second.body.clone())
        .await
        .expect(202);
    evidence(&server, "quality-gate", "passed").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gitlabs_is_taken() {
    let server = server().await;
    let hooks = server.tools.gitlab.webhooks("payments/checkout_api");
    let [(url, Some(token))] = hooks.as_slice() else {
        panic!("{hooks:?}")
    };
    let body = json!({
        "object_kind": "push", "ref": "refs/heads/main",
        "project": {"id": 1, "name": "checkout_api", "path_with_namespace": "payments/checkout_api"},
    })
    .to_string();
    call(&server, url, "X-Gitlab-Token", token, body.clone())
        .await
        .expect(202);
    call(&server, url, "X-Gitlab-Token", &token[1..], body)
        .await
        .problem(401, "unauthenticated");
    // Each tool signs with a secret of its own.
    let analysis =
        json!({"project": {"key": "payments:checkout:api"}, "revision": "a".repeat(40)}).to_string();
    let mut hash = Hmac::<Sha256>::new_from_slice(token.as_bytes()).unwrap();
    hash.update(analysis.as_bytes());
    let signature = hex::encode(hash.finalize().into_bytes());
    let sonarqube = url.replace("gitlab", "sonarqube");
    call(
        &server,
        &sonarqube,
        "X-Sonar-Webhook-HMAC-SHA256",
        &signature,
        analysis,
    )
    .await
    .problem(401, "unauthenticated");
    server.stop().await;
}
