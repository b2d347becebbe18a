//! Webhooks as provisioning plants them: what the tools call, and what they sign with, is what is taken here.

use hmac::{Hmac, KeyInit, Mac};
use opstella_api::serve;
use opstella_devservers::postgres::test_database;
use opstella_sandbox::{Sandbox, SandboxOptions, Tools, credentials};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::resources::ended;
use crate::support::{Answer, Server, TestTools, configuration, eventually};

/// Where tools are told to call.
const PUBLIC: &str = "https://opstella.example/platform";
const RELEASE: &str = "/projects/payments/services/checkout/releases/1.4.0";

/// A server on the sandbox's tools, with the service `checkout`.
async fn server() -> (Server, Tools) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let tools = Tools::default();
    let options = SandboxOptions {
        tools: tools.list(),
        ..SandboxOptions::default()
    };
    let (database, sandbox) = tokio::join!(test_database(), Sandbox::start(options));
    let (database, sandbox) = (database.unwrap(), sandbox.unwrap());
    let mut config = configuration(&database, &sandbox.keycloak().unwrap().issuer());
    config.server.public_url = PUBLIC.parse().unwrap();
    config.engine.evidence_seconds = 1;
    let harbor = format!("{}:{}", credentials::HARBOR_USER, credentials::HARBOR_PASSWORD);
    for (name, secret) in [
        ("gitlab", credentials::GITLAB_TOKEN),
        ("harbor", harbor.as_str()),
        ("vault", credentials::VAULT_TOKEN),
        ("sonarqube", credentials::SONARQUBE_TOKEN),
        ("kubernetes", credentials::KUBERNETES_TOKEN),
        ("argocd", credentials::ARGOCD_TOKEN),
    ] {
        config.credentials.insert(name.parse().unwrap(), secret.into());
    }
    let serving = serve::start(config, true).await.unwrap();
    let server = Server {
        base: format!("http://{}", serving.address),
        http: reqwest::Client::new(),
        token: sandbox.keycloak().unwrap().issue_for("root").unwrap(),
        sandbox,
        tools: TestTools::new(),
        serving: Some(serving),
        database,
    };
    server
        .post("/projects", json!({"slug": "payments", "name": "Payments"}))
        .await
        .expect(201);
    for tool in ["gitlab", "harbor", "vault", "sonarqube", "kubernetes", "argocd"] {
        let connection = json!({"url": server.sandbox.tool_url(tool), "credential": tool});
        server
            .put(&format!("/tools/{tool}/main"), connection)
            .await
            .expect(200);
    }
    let made = server.post("/projects/payments/services", crate::support::checkout());
    let made = made.await.expect(202);
    ended(&server, made.body["run"].as_str().unwrap(), "succeeded").await;
    (server, tools)
}

/// Calls what a tool was told to call.
async fn call(server: &Server, url: &str, header: &str, value: &str, body: String) -> Answer {
    let path = url.strip_prefix(PUBLIC).unwrap_or_else(|| panic!("{url}"));
    let request = server
        .http
        .request(Method::POST, format!("{}{path}", server.base));
    let request = request
        .header("Content-Type", "application/json")
        .header(header, value);
    Answer::of(request.body(body).send().await.unwrap()).await
}

fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

/// CI pushes the image and registers the release.
async fn register(server: &Server, tools: &Tools, commit: &str) {
    let pushed = tools
        .harbor
        .push("payments_checkout", "api", "1.4.0", &digest('1'))
        .unwrap();
    let overview = json!({"application/vnd.security.vulnerability.report; version=1.1": {
        "scan_status": "Success", "severity": "Critical", "complete_percent": 100,
        "summary": {"total": 1, "summary": {"Critical": 1}}, "end_time": "2026-11-25T10:00:00.000Z",
        "scanner": {"name": "Trivy", "vendor": "Aqua Security", "version": "v0.58.1"},
    }});
    tools.harbor.scanned(&pushed, overview);
    let image = json!({"name": "api", "digest": digest('1'), "commit": commit});
    let release = json!({"version": "1.4.0", "components": [image]});
    server
        .post("/projects/payments/services/checkout/releases", release)
        .await
        .expect(201);
}

/// The newest evidence of a kind, once it has this verdict.
async fn evidence(server: &Server, kind: &str, verdict: &str) -> Value {
    eventually(&format!("{kind} {verdict}"), || async {
        let release = server.get(RELEASE).await;
        let images = release.body["images"].as_array().cloned().unwrap_or_default();
        let evidence = images.first()?["evidence"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let newest = evidence.into_iter().find(|e| e["kind"] == kind)?;
        (newest["verdict"] == verdict).then_some(newest)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn sonarqubes_is_taken_and_what_it_missed_is_asked_for() {
    let (server, tools) = server().await;
    let commit = "a".repeat(40);
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
    register(&server, &tools, &commit).await;
    evidence(&server, "quality-gate", "failed").await;
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
    let (server, tools) = server().await;
    let hooks = tools.gitlab.webhooks("payments/checkout_api");
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
