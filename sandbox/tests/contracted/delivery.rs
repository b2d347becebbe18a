//! From a commit in GitLab over a sync in Argo CD to an answer in the cluster; and what happens there otherwise.

use opstella_sandbox::contract::{Contract, Vendor};
use opstella_sandbox::{Sandbox, SandboxOptions, Tools, credentials};
use reqwest::Method;
use serde_json::{Value, json};

const APP: &str = "/argocd/api/v1/applications/pay-api-dev";
const FILE: &str =
    "/gitlab/api/v4/projects/pay%2Fshop_api/repository/files/deploy%2Fdev%2Fkustomization.yaml";
const PROXY: &str = "/kubernetes/api/v1/namespaces/pay-dev/services/api:http/proxy/healthz";

struct World {
    tools: Tools,
    sandbox: Sandbox,
    http: reqwest::Client,
}

fn overlay(image: &str) -> String {
    format!(
        "resources:\n  - ../base\nimages:\n  # Which.\n  - name: service\n    newName: reg/pay/api\n    {image}\n"
    )
}

impl World {
    async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let tools = Tools::default();
        let options = SandboxOptions {
            tools: tools.list(),
            record_exchanges: true,
            keycloak: None,
            ..SandboxOptions::default()
        };
        let world = Self {
            sandbox: Sandbox::start(options).await.unwrap(),
            http: reqwest::Client::new(),
            tools,
        };
        world.fill().await;
        world
    }

    async fn fill(&self) {
        let group = self
            .post("/gitlab/api/v4/groups", json!({ "name": "pay", "path": "pay" }))
            .await
            .1;
        let repository = json!({ "name": "shop_api", "path": "shop_api", "namespace_id": group["id"] });
        self.post("/gitlab/api/v4/projects", repository).await;
        let file = |path: &str, content: String| json!({ "action": "create", "file_path": path, "content": content });
        let base = "kind: Kustomization\nresources: [deployment.yaml, service.yaml]\n";
        let service = "apiVersion: v1\nkind: Service\nmetadata:\n  name: \"api\"\n";
        let actions = [
            file("deploy/base/kustomization.yaml", base.into()),
            file(
                "deploy/base/deployment.yaml",
                "kind: Deployment\nmetadata: { name: api }\n".into(),
            ),
            file("deploy/base/service.yaml", service.into()),
            file("deploy/dev/kustomization.yaml", overlay("newTag: \"1.0.1\"")),
        ];
        let commit = json!({ "branch": "main", "commit_message": "Start", "actions": actions });
        self.post(
            "/gitlab/api/v4/projects/pay%2Fshop_api/repository/commits",
            commit,
        )
        .await;
        let namespace = json!({ "metadata": { "name": "pay-dev" } });
        self.post("/kubernetes/api/v1/namespaces", namespace).await;
        let source = json!({ "repoURL": self.sandbox.tool_url("gitlab") + "/pay/shop_api.git", "path": "deploy/dev",
                             "targetRevision": "HEAD" });
        let application = json!({
            "metadata": { "name": "pay-api-dev" },
            "spec": { "project": "default", "source": source,
                      "destination": { "server": "https://kubernetes.default.svc", "namespace": "pay-dev" } },
        });
        assert_eq!(self.post("/argocd/api/v1/applications", application).await.0, 200);
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let token = match path.split('/').nth(1).unwrap() {
            "gitlab" => credentials::GITLAB_TOKEN,
            "argocd" => credentials::ARGOCD_TOKEN,
            "kubernetes" => credentials::KUBERNETES_TOKEN,
            _ => "",
        };
        let call = self
            .http
            .request(method, format!("{}{path}", self.sandbox.url()))
            .bearer_auth(token);
        let call = match body.is_null() {
            true => call,
            false => call
                .header("content-type", "application/json")
                .body(body.to_string()),
        };
        let answer = call.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    async fn get(&self, path: &str) -> Value {
        self.call(Method::GET, path, Value::Null).await.1
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.call(Method::POST, path, body).await
    }

    /// Sync status, health, and phase of the newest operation, after a comparison.
    async fn look(&self) -> [String; 3] {
        let shown = self.get(&format!("{APP}?refresh=normal")).await;
        [
            "/status/sync/status",
            "/status/health/status",
            "/status/operationState/phase",
        ]
        .map(|at| {
            shown
                .pointer(at)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        })
    }

    async fn commit(&self, image: &str, last: Option<&str>) -> (u16, Value) {
        let mut body = json!({ "branch": "main", "commit_message": "Deploy", "content": overlay(image) });
        if let Some(last) = last {
            body["last_commit_id"] = json!(last);
        }
        self.call(Method::PUT, FILE, body).await
    }
}

const DIGEST: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

#[tokio::test]
async fn a_commit_is_synced_rolled_out_and_answers() {
    let world = World::new().await;
    assert_eq!(world.look().await, ["OutOfSync", "Missing", ""]);
    let (status, refused) = world.call(Method::GET, PROXY, Value::Null).await;
    assert_eq!(status, 503);
    assert_eq!(
        refused["message"],
        "no endpoints available for service \"api:http\""
    );

    let last = world.get(&format!("{FILE}?ref=main")).await["last_commit_id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        world.commit(&format!("digest: {DIGEST}"), Some(&last)).await.0,
        200
    );
    let (status, refused) = world.commit("newTag: x", Some(&last)).await;
    assert_eq!(status, 400);
    assert!(
        refused["message"].as_str().unwrap().contains("has changed since"),
        "{refused}"
    );

    assert_eq!(world.post(&format!("{APP}/sync"), json!({})).await.0, 200);
    let (status, second) = world.post(&format!("{APP}/sync"), json!({})).await;
    assert_eq!((status, &second["code"]), (400, &json!(9)));
    assert_eq!(world.look().await, ["OutOfSync", "Missing", "Running"]);
    assert_eq!(world.look().await, ["Synced", "Progressing", "Succeeded"]);
    assert_eq!(world.call(Method::GET, PROXY, Value::Null).await.0, 503);
    assert_eq!(world.look().await, ["Synced", "Healthy", "Succeeded"]);
    let shown = world.get(APP).await;
    assert_eq!(
        shown["status"]["summary"]["images"],
        json!([format!("reg/pay/api@{DIGEST}")])
    );
    assert_eq!(
        world.call(Method::GET, PROXY, Value::Null).await,
        (200, json!("ok"))
    );
    assert_eq!(
        world
            .call(Method::GET, &PROXY.replace("api:http", "other"), Value::Null)
            .await
            .0,
        503
    );

    // Argo CD does not know of a commit before it compares.
    world.commit("newTag: \"2\"", None).await;
    assert_eq!(world.get(APP).await["status"]["sync"]["status"], "Synced");
    assert_eq!(world.look().await, ["OutOfSync", "Healthy", "Succeeded"]);
    let standing = world.tools.argocd.standing("pay-api-dev").unwrap();
    assert_eq!((standing.sync.as_str(), standing.images.len()), ("OutOfSync", 1));
    assert!(
        world
            .tools
            .gitlab
            .file("pay/shop_api", "deploy/dev/kustomization.yaml")
            .unwrap()
            .contains("\"2\"")
    );
    assert_eq!(
        world.tools.gitlab.messages("pay/shop_api"),
        ["Deploy", "Deploy", "Start"]
    );

    for (vendor, tool) in [(Vendor::ArgoCd, "argocd"), (Vendor::Kubernetes, "kubernetes")] {
        let Some(contract) = Contract::load(vendor).unwrap() else {
            continue;
        };
        for exchange in world.sandbox.exchanges().iter().filter(|e| e.tool == tool) {
            assert_eq!(
                contract.check_recorded(exchange),
                Ok(()),
                "{} {}",
                exchange.method,
                exchange.path
            );
        }
    }
}

#[tokio::test]
async fn what_happens_in_the_cluster_shows() {
    let world = World::new().await;
    world.post(&format!("{APP}/sync"), json!({})).await;
    for _ in 0..3 {
        world.look().await;
    }
    let degraded =
        json!({ "image": "reg/pay/api:1.0.1", "health": "Degraded", "message": "CrashLoopBackOff" });
    assert_eq!(world.post("/_sandbox/argocd/images", degraded).await.0, 204);
    assert_eq!(world.look().await, ["Synced", "Degraded", "Succeeded"]);
    assert_eq!(
        world.get(APP).await["status"]["health"]["message"],
        "CrashLoopBackOff"
    );
    assert_eq!(world.call(Method::GET, PROXY, Value::Null).await.0, 503);
    world
        .call(Method::DELETE, "/_sandbox/argocd/images", Value::Null)
        .await;
    assert_eq!(world.look().await, ["Synced", "Healthy", "Succeeded"]);

    let by_hand = "/_sandbox/argocd/applications/pay-api-dev/images";
    assert_eq!(
        world
            .post(by_hand, json!({ "images": ["reg/pay/api:9"] }))
            .await
            .0,
        204
    );
    let shown = world.get(APP).await;
    assert_eq!(shown["status"]["sync"]["status"], "OutOfSync");
    assert_eq!(shown["status"]["summary"]["images"], json!(["reg/pay/api:9"]));
    assert_eq!(world.look().await, ["OutOfSync", "Healthy", "Succeeded"]);

    for (path, body, status) in [
        (
            "/_sandbox/argocd/applications/none/images",
            json!({ "images": [] }),
            404,
        ),
        (
            "/_sandbox/argocd/images",
            json!({ "image": "", "health": "x" }),
            400,
        ),
        ("/_sandbox/argocd/images", json!({ "what": 1 }), 400),
        ("/_sandbox/argocd/other", json!({}), 404),
        ("/_sandbox/sonarqube/analyses", json!({ "what": 1 }), 400),
        (
            "/_sandbox/sonarqube/analyses",
            json!({ "project": "none", "revision": "a", "status": "OK" }),
            404,
        ),
        ("/_sandbox/vault/anything", json!({}), 404),
    ] {
        assert_eq!(world.post(path, body).await.0, status, "{path}");
    }
}

#[tokio::test]
async fn what_cannot_be_rendered_fails_its_sync() {
    let world = World::new().await;
    world.commit("- no: yaml: here", None).await;
    world.post(&format!("{APP}/sync"), json!({})).await;
    world.look().await;
    assert_eq!(world.look().await, ["Unknown", "Missing", "Error"]);
    let shown = world.get(APP).await;
    assert_eq!(shown["status"]["conditions"][0]["type"], "ComparisonError");
}

#[tokio::test]
async fn an_artifact_is_pushed_without_docker() {
    let world = World::new().await;
    let at = "/_sandbox/harbor/artifacts";
    let push = json!({ "project": "library", "repository": "api", "digest": DIGEST, "tags": ["1.0", "dev"],
                       "scan_overview": { "kind": { "severity": "Critical" } } });
    assert_eq!(world.post(at, push).await.0, 201);
    let path = format!(
        "/harbor/api/v2.0/projects/library/repositories/api/artifacts/{DIGEST}?with_scan_overview=true"
    );
    let shown = world
        .http
        .get(format!("{}{path}", world.sandbox.url()))
        .basic_auth(credentials::HARBOR_USER, Some(credentials::HARBOR_PASSWORD))
        .send()
        .await
        .unwrap();
    let shown: Value = serde_json::from_str(&shown.text().await.unwrap()).unwrap();
    assert_eq!(shown["scan_overview"]["kind"]["severity"], "Critical");
    assert_eq!(
        world.tools.harbor.tagged("library", "api", "dev").as_deref(),
        Some(DIGEST)
    );
    // A tag is on one artifact.
    let other = json!({ "project": "library", "repository": "api", "digest": "sha256:2", "tags": ["dev"] });
    assert_eq!(world.post(at, other).await.0, 201);
    assert_eq!(
        world.tools.harbor.tagged("library", "api", "dev").as_deref(),
        Some("sha256:2")
    );
    assert_eq!(
        world.tools.harbor.tagged("library", "api", "1.0").as_deref(),
        Some(DIGEST)
    );
    let nowhere = json!({ "project": "none", "repository": "api", "digest": DIGEST });
    assert_eq!(world.post(at, nowhere).await.0, 404);
    assert_eq!(world.post(at, json!({ "project": "library" })).await.0, 400);
}
