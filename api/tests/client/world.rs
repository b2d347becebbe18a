//! A server as a process, the sandbox behind it, and the people of the sandbox in their shells.

use std::time::Duration;

use opstella_sandbox::credentials;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::shell::{Ran, Shell};
use crate::support::process::Process;

/// Longest until a release is where it goes by itself.
const PATIENCE: Duration = Duration::from_secs(60);
const TOOLS: [&str; 6] = ["gitlab", "harbor", "vault", "sonarqube", "kubernetes", "argocd"];

/// A server as a process, and the sandbox behind it.
pub struct World {
    pub process: Process,
}

impl World {
    /// A server to which all tools are connected.
    pub async fn start() -> Self {
        let mut process = Process::prepare().await;
        process.start().await;
        for tool in TOOLS {
            let body = json!({"url": process.sandbox.tool_url(tool), "credential": format!("{tool}-main")});
            let path = format!("/api/v1/tools/{tool}/main");
            process.send(Method::PUT, &path, Some(body)).await.expect(200);
        }
        Self { process }
    }

    /// The same with the service `payments/checkout` in DEV, SIT and UAT.
    pub async fn with_service() -> Self {
        let world = Self::start().await;
        let alice = world.shell("alice");
        alice.run("projects create payments").await.ends(0);
        let create =
            "services create payments/checkout --component api=http-service --env DEV,SIT,UAT --quiet";
        alice.run(create).await.ends(0);
        world
    }

    /// A shell in which nobody has logged in.
    pub fn stranger(&self) -> Shell {
        Shell::at(&self.process.base)
    }

    /// Somebody's shell, with a token in a variable.
    pub fn shell(&self, user: &str) -> Shell {
        let token = self.process.sandbox.keycloak().unwrap().issue_for(user).unwrap();
        self.stranger().with("OPSTELLA_TOKEN", &token)
    }

    /// The shell of a job of CI.
    pub fn ci(&self) -> Shell {
        let keycloak = self.process.sandbox.keycloak().unwrap();
        let token = keycloak
            .issue_for_client(credentials::KEYCLOAK_CI_CLIENT)
            .unwrap();
        self.stranger().with("OPSTELLA_TOKEN", &token)
    }

    /// Does something to a tool that its API has no call for.
    pub async fn operate(&self, path: &str, body: &Value) {
        let url = format!("{}/_sandbox/{path}", self.process.sandbox.url());
        let done = self.process.http.post(url).json(body).send().await.unwrap();
        done.error_for_status().unwrap();
    }

    /// CI pushes an image and registers it with its evidence.
    pub async fn release(&self, version: &str) {
        let (digest, commit) = (digest(version), commit(version));
        let artifact = json!({
            "project": "payments_checkout", "repository": "api", "digest": digest, "tags": [version],
        });
        self.operate("harbor/artifacts", &artifact).await;
        let ci = self.ci().with("CI_COMMIT_SHA", &commit);
        ci.file("gate.json", &quality_gate(&commit));
        ci.file("trivy.json", &image_scan());
        ci.run(&format!(
            "releases register payments/checkout {version} --image api={digest}"
        ))
        .await
        .ends(0)
        .shows(&[version, "registered"]);
        for (file, kind) in [("gate.json", "quality-gate"), ("trivy.json", "image-scan")] {
            ci.run(&format!(
                "releases evidence add payments/checkout {version} {file} --kind {kind} --component api"
            ))
            .await
            .ends(0);
        }
    }

    /// The same, until it runs in DEV.
    pub async fn released(&self, version: &str) {
        self.release(version).await;
        self.promotion_is(version, "DEV", "completed").await;
    }

    /// Looks until a release's promotion is in this state, and gives it.
    pub async fn promotion_is(&self, version: &str, environment: &str, state: &str) -> Value {
        let grace = self.shell("grace");
        let list = format!("promotions list payments/checkout --env {environment} -o json");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let all = grace.run(&list).await.ends(0).json();
            let of_it = |one: &&Value| one["release"] == version;
            let found = all.as_array().unwrap().iter().find(of_it);
            if let Some(found) = found.filter(|one| one["state"] == state) {
                return found.clone();
            }
            assert!(Instant::now() < deadline, "never {state}: {all:#}");
        }
    }

    /// Runs a command line as somebody, who decides on the one promotion that waits meanwhile: `approve {}`.
    pub async fn while_waiting(&self, command: &str, who: &str, decision: &str) -> Ran {
        let grace = self.shell("grace");
        let (waited, ()) = tokio::join!(grace.run(command), async {
            let somebody = self.shell(who);
            let deadline = Instant::now() + PATIENCE;
            loop {
                let waiting = somebody.run("approvals -o json").await.ends(0).json();
                if let Some(promotion) = waiting[0]["id"].as_str() {
                    let decision = decision.replace("{}", promotion);
                    somebody.run(&decision).await.ends(0);
                    return;
                }
                assert!(Instant::now() < deadline, "nothing waits for {who}");
            }
        });
        waited
    }
}

/// The commit of a version.
pub fn commit(version: &str) -> String {
    format!("{:0>40}", version.replace('.', ""))
}

/// The image of a version.
pub fn digest(version: &str) -> String {
    format!("sha256:{:0>64}", version.replace('.', ""))
}

fn quality_gate(commit: &str) -> Value {
    json!({
        "serverUrl": "https://sonarqube.example", "taskId": "AYx", "status": "SUCCESS",
        "analysedAt": "2026-11-25T10:00:00+0000", "revision": commit,
        "project": {"key": "payments:checkout:api", "name": "api"},
        "qualityGate": {"name": "Sonar way", "status": "OK", "conditions": []},
    })
}

fn image_scan() -> Value {
    json!({
        "SchemaVersion": 2, "CreatedAt": "2026-11-25T10:00:00Z", "ArtifactName": "payments_checkout/api",
        "ArtifactType": "container_image", "Metadata": {"OS": {"Family": "debian", "Name": "12.8"}},
        "Results": [{"Target": "api (debian 12.8)", "Class": "os-pkgs", "Type": "debian", "Vulnerabilities": []}],
    })
}
