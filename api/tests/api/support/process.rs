//! The real binary against the sandbox.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use opstella_devservers::postgres::{TestDatabase, test_database};
use opstella_sandbox::{Sandbox, credentials};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use super::{Answer, sandbox};

/// Which installation all of them are: what they make is called alike.
const INSTALLATION: &str = "019f2b7c-6c1e-7d52-9a55-0d1f6e0c4b11";
/// Starting a debug build on a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(60);

/// A command of the binary on a database, configured by variables only.
pub fn opstella(database: &TestDatabase, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_opstella"));
    command
        .args(arguments)
        .env_clear()
        .env("OPSTELLA_DATABASE__URL", &database.url);
    command
}

/// Runs a command to its end.
pub fn run(database: &TestDatabase, arguments: &[&str]) -> Output {
    opstella(database, arguments).output().unwrap()
}

/// The standard output of a command that ends well.
#[track_caller]
pub fn printed(database: &TestDatabase, arguments: &[&str]) -> String {
    let output = run(database, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// `opstella serve`, its database and its sandbox.
pub struct Process {
    pub database: TestDatabase,
    pub sandbox: Sandbox,
    pub base: String,
    pub http: reqwest::Client,
    port: u16,
    folder: TempDir,
    child: Option<Child>,
}

impl Process {
    /// A migrated database and a sandbox; nothing runs yet.
    pub async fn prepare() -> Self {
        let (database, sandbox) = tokio::join!(test_database(), sandbox());
        let database = database.unwrap();
        printed(&database, &["migrate"]);
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        Self {
            database,
            sandbox,
            base: format!("http://127.0.0.1:{port}"),
            http: reqwest::Client::new(),
            port,
            folder: tempfile::tempdir().unwrap(),
            child: None,
        }
    }

    /// Starts the process, and waits until it is ready.
    pub async fn start(&mut self) {
        let log = self.folder.path().join("log");
        let log = File::options().create(true).append(true).open(log).unwrap();
        let mut command = opstella(&self.database, &["serve"]);
        command
            .env("OPSTELLA_SERVER__LISTEN", format!("127.0.0.1:{}", self.port))
            .env("OPSTELLA_SERVER__PUBLIC_URL", &self.base)
            .env("OPSTELLA_SERVER__SHUTDOWN_GRACE_SECONDS", "25")
            .env("OPSTELLA_SERVER__WORKERS", "1")
            .env("OPSTELLA_INSTALLATION", INSTALLATION)
            .env("OPSTELLA_DATABASE__MIGRATE_ON_START", "false")
            .env("OPSTELLA_OIDC__ISSUER", self.sandbox.keycloak().unwrap().issuer())
            .env("OPSTELLA_LOG__FORMAT", "json");
        let harbor = format!("{}:{}", credentials::HARBOR_USER, credentials::HARBOR_PASSWORD);
        for (tool, secret) in [
            ("GITLAB", credentials::GITLAB_TOKEN),
            ("HARBOR", &harbor),
            ("VAULT", credentials::VAULT_TOKEN),
            ("SONARQUBE", credentials::SONARQUBE_TOKEN),
            ("KUBERNETES", credentials::KUBERNETES_TOKEN),
            ("ARGOCD", credentials::ARGOCD_TOKEN),
        ] {
            command.env(format!("OPSTELLA_CREDENTIALS__{tool}_MAIN"), secret);
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.child = Some(child.spawn().unwrap());
        let deadline = Instant::now() + PATIENCE;
        loop {
            let ready = self.http.get(format!("{}/readyz", self.base)).send().await;
            if ready.is_ok_and(|ready| ready.status() == 200) {
                return;
            }
            assert!(Instant::now() < deadline, "not ready");
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "ended: {ended:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let token = self.sandbox.keycloak().unwrap().issue_for("root").unwrap();
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        Answer::of(request.send().await.unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Value {
        self.send(Method::GET, path, None).await.expect(200).body
    }

    /// Connects all tools, and asks for the service `checkout`; answers with the link of its run.
    pub async fn ask_for_service(&self) -> String {
        for tool in ["gitlab", "harbor", "vault", "sonarqube", "kubernetes", "argocd"] {
            let body = json!({"url": self.sandbox.tool_url(tool), "credential": format!("{tool}-main")});
            let path = format!("/api/v1/tools/{tool}/main");
            self.send(Method::PUT, &path, Some(body)).await.expect(200);
        }
        let project = json!({"slug": "payments", "name": "Payments"});
        self.send(Method::POST, "/api/v1/projects", Some(project))
            .await
            .expect(201);
        let services = "/api/v1/projects/payments/services";
        let made = self.send(Method::POST, services, Some(super::checkout())).await;
        made.expect(202).body["run"].as_str().unwrap().to_owned()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// SIGTERM; answers with how it ended, within that time.
    pub async fn terminate(&mut self, within: Duration) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        let id = nix::unistd::Pid::from_raw(child.id().try_into().unwrap());
        nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM).unwrap();
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            if Instant::now() > deadline {
                child.kill().unwrap();
                panic!("not ended {within:?} after SIGTERM");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What was logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}
