//! A server whose tools are the sandbox: services are really made there, and releases really deployed.

use std::sync::Arc;
use std::time::Duration;

use opstella_api::config::Config;
use opstella_api::serve::{self, Serving};
use opstella_devservers::postgres::{TestDatabase, test_database};
use opstella_domain::release::Digest;
use opstella_sandbox::{ArgoCd, Sandbox, SandboxOptions, Tools, credentials};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{Answer, configuration, eventually_within, reports};

/// Where everything happens.
pub const SERVICE: &str = "/projects/payments/services/checkout";
/// CI's machine identity, among the people.
pub const CI: &str = "ci";
/// Somebody of security whose token has no name.
pub const NAMELESS: &str = "nameless";
/// A machine that was given roles of people.
pub const ROBOT: &str = "robot";
/// Who wrote the releases: ivan, an approver.
pub const AUTHOR: &str = "Ivan";
/// The machine is shared: a deployment takes its time.
const PATIENCE: Duration = Duration::from_secs(120);
const OVER: [&str; 5] = ["completed", "rejected", "cancelled", "failed", "rolled-back"];

pub struct Delivery {
    pub base: String,
    pub sandbox: Sandbox,
    pub tools: Tools,
    pub database: TestDatabase,
    http: reqwest::Client,
    serving: Option<Serving>,
}

/// The digest of the image of `api` in a version.
pub fn digest(version: &str) -> String {
    Digest::of(format!("image api {version}").as_bytes()).to_string()
}

/// The commit of a version.
pub fn commit(version: &str) -> String {
    let digest = Digest::of(format!("commit {version}").as_bytes()).to_string();
    digest["sha256:".len()..][..40].to_owned()
}

impl Delivery {
    /// A server on which the service `checkout` with the component `api` runs in these environments.
    pub async fn start(environments: &[&str]) -> Self {
        Self::start_with(environments, |_| {}).await
    }

    pub async fn start_with(environments: &[&str], change: impl FnOnce(&mut Config)) -> Self {
        // What reads the tokens' keys.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut tools = Tools::default();
        // One look is enough, or each deployment takes seconds.
        let argocd = ArgoCd::new(credentials::ARGOCD_TOKEN).deploying_from(tools.gitlab.clone());
        tools.argocd = Arc::new(argocd.with_pace(0));
        let kubernetes = opstella_sandbox::Kubernetes::new(credentials::KUBERNETES_TOKEN);
        tools.kubernetes = Arc::new(kubernetes.running(tools.argocd.clone()));
        let options = SandboxOptions {
            tools: tools.list(),
            ..SandboxOptions::default()
        };
        let (database, sandbox) = tokio::join!(test_database(), Sandbox::start(options));
        let mut delivery = Self {
            base: String::new(),
            sandbox: sandbox.unwrap(),
            tools,
            database: database.unwrap(),
            http: reqwest::Client::new(),
            serving: None,
        };
        delivery.serve(change).await;
        delivery.furnish(environments).await;
        delivery
    }

    /// Starts a server on the database.
    pub async fn serve(&mut self, change: impl FnOnce(&mut Config)) {
        let mut config = configuration(&self.database, &self.sandbox.keycloak().unwrap().issuer());
        config.limits.requests_per_second = 1000;
        config.limits.burst = 1000;
        config.engine.watch_seconds = 1;
        let harbor = format!("{}:{}", credentials::HARBOR_USER, credentials::HARBOR_PASSWORD);
        let secrets = [
            ("gitlab", credentials::GITLAB_TOKEN),
            ("harbor", &harbor),
            ("vault", credentials::VAULT_TOKEN),
            ("sonarqube", credentials::SONARQUBE_TOKEN),
            ("kubernetes", credentials::KUBERNETES_TOKEN),
            ("argocd", credentials::ARGOCD_TOKEN),
        ];
        config.credentials = secrets
            .into_iter()
            .map(|(name, secret)| (name.parse().unwrap(), secret.into()))
            .collect();
        change(&mut config);
        let serving = serve::start(config, true).await.unwrap();
        self.base = format!("http://{}", serving.address);
        self.serving = Some(serving);
    }

    async fn furnish(&self, environments: &[&str]) {
        for tool in ["gitlab", "harbor", "vault", "sonarqube", "kubernetes", "argocd"] {
            let connection = json!({"url": self.sandbox.tool_url(tool), "credential": tool});
            let path = format!("/tools/{tool}/main");
            self.put("root", &path, connection).await.expect(200);
        }
        let project = json!({"slug": "payments", "name": "Payments"});
        self.post("root", "/projects", project).await.expect(201);
        self.make_service("checkout", environments).await;
    }

    /// Asks for a service, and waits until it is active.
    pub async fn make_service(&self, name: &str, environments: &[&str]) {
        let service = json!({
            "name": name,
            "components": [{"name": "api", "template": "http-service"}],
            "environments": environments,
        });
        let made = self.post("root", "/projects/payments/services", service).await;
        let made = made.expect(202);
        self.ended(made.body["run"].as_str().unwrap(), "succeeded").await;
    }

    /// Waits until a run, by its link, ended so.
    pub async fn ended(&self, link: &str, status: &str) {
        let path = below(link);
        let look = async || {
            let run = self.get("root", path).await;
            let now = run.body["status"].as_str().unwrap_or_default().to_owned();
            assert!(now != "stuck", "{:#}", run.body);
            (now == status).then_some(())
        };
        self.until(&format!("the run to be {status}"), look).await;
    }

    pub fn serving(&self) -> &Serving {
        self.serving.as_ref().unwrap()
    }

    /// A token of a demo user, or of CI.
    pub fn token(&self, who: &str) -> String {
        let keycloak = self.sandbox.keycloak().unwrap();
        match who {
            CI => keycloak.issue_for_client(credentials::KEYCLOAK_CI_CLIENT),
            // A second platform admin: the demo has one.
            "admin2" => Some(keycloak.issue(json!({
                "sub": "admin2", "preferred_username": "admin2",
                "realm_access": {"roles": ["platform-admin"]},
            }))),
            NAMELESS => Some(keycloak.issue(json!({
                "sub": "nameless", "preferred_username": null, "realm_access": {"roles": ["security"]},
            }))),
            ROBOT => Some(keycloak.issue(json!({
                "sub": "robot", "client_id": "robot", "preferred_username": "service-account-robot",
                "realm_access": {"roles": ["security"]}, "groups": ["project:payments:approver"],
            }))),
            user => keycloak.issue_for(user),
        }
        .unwrap()
    }

    pub fn request(&self, who: &str, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/api/v1{path}", self.base);
        self.http.request(method, url).bearer_auth(self.token(who))
    }

    pub async fn get(&self, who: &str, path: &str) -> Answer {
        Answer::of(self.request(who, Method::GET, path).send().await.unwrap()).await
    }

    pub async fn post(&self, who: &str, path: &str, body: Value) -> Answer {
        Answer::of(
            self.request(who, Method::POST, path)
                .json(&body)
                .send()
                .await
                .unwrap(),
        )
        .await
    }

    pub async fn put(&self, who: &str, path: &str, body: Value) -> Answer {
        Answer::of(
            self.request(who, Method::PUT, path)
                .json(&body)
                .send()
                .await
                .unwrap(),
        )
        .await
    }

    /// Looks again and again until the answer is as wanted.
    pub async fn until<T>(&self, what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
        eventually_within(PATIENCE, what, look).await
    }

    /// CI pushes the image of a version, and registers it.
    pub async fn register(&self, version: &str) -> Answer {
        let harbor = &self.tools.harbor;
        let pushed = harbor
            .push("payments_checkout", "api", version, &digest(version))
            .unwrap();
        // What CI sends counts, not what is fetched.
        harbor.scanned(&pushed, json!({}));
        let image = json!({"name": "api", "digest": digest(version), "commit": commit(version)});
        // The name of a demo user in GitLab, where names keep their case.
        let release = json!({"version": version, "author": AUTHOR, "components": [image]});
        self.post(CI, &format!("{SERVICE}/releases"), release).await
    }

    /// Adds a report; `more` is appended to the query.
    pub async fn evidence(&self, version: &str, kind: &str, more: &str, report: &Value) -> Answer {
        let path = format!("{SERVICE}/releases/{version}/evidence?kind={kind}&component=api{more}");
        self.post(CI, &path, report.clone()).await
    }

    /// Registers a version whose evidence opens every gate up to UAT.
    pub async fn release(&self, version: &str) {
        self.register(version).await.expect(201);
        let gate = reports::quality_gate(&commit(version), "OK");
        self.evidence(version, "quality-gate", "", &gate)
            .await
            .expect(201);
        let scan = reports::image_scan(&[]);
        self.evidence(version, "image-scan", "", &scan).await.expect(201);
    }

    /// Registers a version, and waits until it is in DEV.
    pub async fn release_to_dev(&self, version: &str) {
        self.release(version).await;
        self.arrives("DEV", version).await;
    }

    /// Waits until what nobody asked for by hand is there: a release in DEV.
    pub async fn arrives(&self, environment: &str, version: &str) {
        let promotion = self.promotion_of(environment, version).await;
        self.becomes(&promotion, "completed").await;
    }

    /// The path of the newest promotion of a release into an environment, once there is one.
    pub async fn promotion_of(&self, environment: &str, version: &str) -> String {
        let list = format!("/promotions?project=payments&service=checkout&environment={environment}");
        let look = async || {
            let page = self.get("root", &list).await.expect(200);
            let items = page.body["items"].as_array().unwrap().clone();
            let found = items.iter().find(|p| p["release"] == version)?;
            Some(format!("{SERVICE}/promotions/{}", found["id"].as_str().unwrap()))
        };
        self.until(&format!("{version} on its way to {environment}"), look)
            .await
    }

    /// Asks for a promotion.
    pub async fn promote(&self, who: &str, environment: &str, body: Value) -> Answer {
        let verb = environment.to_lowercase();
        self.post(who, &format!("{SERVICE}/promotions:to-{verb}"), body)
            .await
    }

    /// Asks for a promotion, as grace; its path.
    pub async fn asked(&self, environment: &str, version: &str) -> String {
        let asked = self
            .promote("grace", environment, json!({"release": version}))
            .await;
        path_of(&asked.expect(202))
    }

    /// Waits until a promotion stands there; fails where it is over otherwise.
    pub async fn becomes(&self, promotion: &str, state: &str) -> Value {
        let look = async || {
            let shown = self.get("root", promotion).await;
            let now = shown.body["state"].as_str().unwrap_or_default();
            assert!(now == state || !OVER.contains(&now), "{:#}", shown.body);
            (now == state).then_some(shown.body)
        };
        self.until(&format!("{promotion} to be {state}"), look).await
    }

    pub async fn approve(&self, who: &str, promotion: &str) -> Answer {
        self.post(who, &format!("{promotion}/approve"), json!({})).await
    }

    /// Sets rules of the platform's policy of an environment, and leaves the others as they are.
    pub async fn set_rules(&self, environment: &str, changed: Value) {
        let path = format!("/policies/{environment}");
        let mut rules = self.get("root", &path).await.expect(200).body["rules"].clone();
        let changed = changed.as_object().unwrap().clone();
        rules.as_object_mut().unwrap().extend(changed);
        let set = self.put("root", &path, json!({"rules": rules})).await;
        set.expect(200);
    }

    /// What the matrix says of an environment.
    pub async fn cell(&self, environment: &str) -> Value {
        self.cell_of("checkout", environment).await
    }

    pub async fn cell_of(&self, service: &str, environment: &str) -> Value {
        let matrix = self.get("root", "/matrix?project=payments").await.expect(200);
        let services = matrix.body["items"].as_array().unwrap().clone();
        let Some(row) = services.iter().find(|row| row["service"] == service) else {
            return Value::Null;
        };
        let cells = row["environments"].as_array().unwrap();
        let found = cells.iter().find(|cell| cell["environment"] == environment);
        found.cloned().unwrap_or_default()
    }

    /// The images that Argo CD runs in an environment.
    pub fn runs(&self, environment: &str) -> String {
        let name = format!("payments--checkout--api--{}", environment.to_lowercase());
        let standing = self.tools.argocd.standing(&name);
        standing.map(|s| s.images.join(" ")).unwrap_or_default()
    }

    /// How many rows a table has.
    pub async fn rows(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        let pool = self.serving().state().journal.pool().clone();
        let count = sqlx::query_scalar(sqlx::AssertSqlSafe(sql));
        count.fetch_one(&pool).await.unwrap()
    }

    /// Stops the server, not the tools.
    pub async fn halt(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.stop().await;
        }
    }

    pub async fn stop(mut self) {
        self.halt().await;
    }
}

/// The path of what an answer is about.
pub fn path_of(answer: &Answer) -> String {
    below(answer.body["resource"].as_str().unwrap()).to_owned()
}

fn below(link: &str) -> &str {
    link.strip_prefix("/api/v1").unwrap()
}
