//! A server of one test's own.

pub mod delivery;
pub mod process;
pub mod reports;
pub mod sse;
pub mod toolbox;

use std::sync::Arc;
use std::time::Duration;

use opstella_api::config::{self, Config};
use opstella_api::serve::{self, Serving};
use opstella_devservers::postgres::{TestDatabase, test_database};
use opstella_sandbox::{Keycloak, Sandbox, SandboxOptions};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

pub use toolbox::TestTools;

pub const PATIENCE: Duration = Duration::from_secs(20);

/// A running Opstella, its database and its Keycloak.
pub struct Server {
    pub base: String,
    pub http: reqwest::Client,
    pub token: String,
    pub sandbox: Sandbox,
    pub tools: TestTools,
    pub serving: Option<Serving>,
    pub database: TestDatabase,
}

/// An answer with its body read.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Answer {
    pub async fn of(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        Self {
            status,
            headers,
            body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
        }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{:#}", self.body);
        self
    }

    /// Checks that it is a problem document of that kind.
    #[track_caller]
    pub fn problem(self, status: u16, kind: &str) -> Self {
        assert_eq!(self.status.as_u16(), status, "{:#}", self.body);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(
            self.body["type"],
            format!("urn:opstella:problem:{kind}"),
            "{:#}",
            self.body
        );
        assert_eq!(self.body["status"], status);
        for name in ["title", "detail", "instance", "request_id"] {
            assert!(self.body[name].is_string(), "{name}: {:#}", self.body);
        }
        self
    }

    /// Checks the first field at fault.
    #[track_caller]
    pub fn field(self, field: &str, rule: &str) -> Self {
        assert_eq!(self.body["errors"][0]["field"], field, "{:#}", self.body);
        let given = self.body["errors"][0]["rule"].as_str().unwrap();
        assert!(given.contains(rule), "{given}");
        self
    }
}

/// The configuration of a test's server.
pub fn configuration(database: &TestDatabase, issuer: &str) -> Config {
    let mut config = config::load(None).unwrap();
    config.server.listen = "127.0.0.1:0".parse().unwrap();
    config.server.workers = 1;
    config.server.shutdown_grace_seconds = 10;
    config.database.url = Some(database.url.clone().into());
    config.oidc.issuer = Some(issuer.to_owned());
    config.oidc.jwks_min_interval_seconds = 1;
    config.limits.read_your_writes_seconds = 15;
    config
}

pub async fn sandbox() -> Sandbox {
    // What reads the tokens' keys.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Sandbox::start(SandboxOptions::default()).await.unwrap()
}

impl Server {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let (database, sandbox) = tokio::join!(test_database(), sandbox());
        Self::start_on(database.unwrap(), sandbox, change).await
    }

    /// On a sandbox and a database that are there.
    pub async fn start_on(
        database: TestDatabase,
        sandbox: Sandbox,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let mut config = configuration(&database, &sandbox.keycloak().unwrap().issuer());
        change(&mut config);
        let tools = TestTools::new();
        let toolbox = Arc::new(tools.clone());
        let serving = serve::start_with(config, true, |_| toolbox).await.unwrap();
        // A platform admin: what others may do is tested in access/.
        let token = sandbox.keycloak().unwrap().issue_for("root").unwrap();
        Self {
            base: format!("http://{}", serving.address),
            http: reqwest::Client::new(),
            token,
            sandbox,
            tools,
            serving: Some(serving),
            database,
        }
    }

    pub fn keycloak(&self) -> &Keycloak {
        self.sandbox.keycloak().unwrap()
    }

    /// A request with a token; the path is below `/api/v1`, unless it begins with `//`.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = match path.strip_prefix("//") {
            Some(path) => format!("{}/{path}", self.base),
            None => format!("{}/api/v1{path}", self.base),
        };
        self.http.request(method, url).bearer_auth(&self.token)
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path).send().await.unwrap()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(&body).send().await.unwrap()).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::PUT, path).json(&body).send().await.unwrap()).await
    }

    /// Follows a link of an answer.
    pub async fn follow(&self, link: &str) -> Answer {
        self.get(&format!("/{link}")).await
    }

    /// A project `payments`, and every tool connected, as queries show them. The template `http-service` comes along.
    pub async fn furnish(&self) {
        let mut last = self
            .post("/projects", json!({"slug": "payments", "name": "Payments"}))
            .await
            .expect(201);
        for tool in ["gitlab", "harbor", "vault", "sonarqube", "kubernetes", "argocd"] {
            let connection = json!({"url": format!("https://{tool}.example.com"), "credential": tool});
            last = self
                .put(&format!("/tools/{tool}/main"), connection)
                .await
                .expect(200);
        }
        let position = last.header("x-opstella-position").parse().unwrap();
        let state = self.serving.as_ref().unwrap().state();
        state.projections.wait_for(&[], position, PATIENCE).await.unwrap();
    }

    /// A furnished server on which the service `checkout` is being made.
    pub async fn with_service(&self) -> Answer {
        self.furnish().await;
        self.post("/projects/payments/services", checkout())
            .await
            .expect(202)
    }

    pub async fn stop(mut self) {
        if let Some(serving) = self.serving.take() {
            serving.stop().await;
        }
    }
}

/// The body that asks for `checkout`.
pub fn checkout() -> Value {
    json!({
        "name": "checkout",
        "components": [{"name": "api", "template": "http-service"}],
        "environments": ["DEV", "PRD"],
    })
}

/// Looks again and again until the answer is as wanted.
pub async fn eventually<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    eventually_within(PATIENCE, what, look).await
}

/// The same, with other patience.
pub async fn eventually_within<T>(
    patience: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
