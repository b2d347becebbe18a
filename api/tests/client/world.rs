//! Servers with the sandbox behind them, and the people of the sandbox in their shells.

use std::time::Duration;

use opstella_sandbox::Keycloak;
use reqwest::Method;
use serde_json::json;
use tokio::time::Instant;

use crate::shell::{Ran, Shell};
use crate::support::delivery::{AUTHOR, CI, Delivery, commit, digest};
use crate::support::process::Process;
use crate::support::reports;

/// Longest until something waits for somebody.
const PATIENCE: Duration = Duration::from_secs(60);
const TOOLS: [&str; 6] = ["gitlab", "harbor", "vault", "sonarqube", "kubernetes", "argocd"];

/// `opstella serve` as a process, to which all tools are connected. There is no project.
pub struct Empty {
    pub process: Process,
}

impl Empty {
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

    pub fn keycloak(&self) -> &Keycloak {
        self.process.sandbox.keycloak().unwrap()
    }

    /// A shell in which nobody has logged in.
    pub fn stranger(&self) -> Shell {
        Shell::at(&self.process.base)
    }

    /// Somebody's shell, with a token in a variable.
    pub fn shell(&self, user: &str) -> Shell {
        let token = self.keycloak().issue_for(user).unwrap();
        self.stranger().with("OPSTELLA_TOKEN", &token)
    }
}

/// A server on which the service `payments/checkout` is in DEV, SIT and UAT.
pub struct World {
    pub delivery: Delivery,
}

impl World {
    pub async fn start() -> Self {
        Self {
            delivery: Delivery::start(&["DEV", "SIT", "UAT"]).await,
        }
    }

    /// Somebody's shell, with a token in a variable.
    pub fn shell(&self, user: &str) -> Shell {
        Shell::at(&self.delivery.base).with("OPSTELLA_TOKEN", &self.delivery.token(user))
    }

    /// A job of CI pushes an image, and registers it with its evidence.
    pub async fn release(&self, version: &str) {
        let (digest, commit) = (digest(version), commit(version));
        let harbor = &self.delivery.tools.harbor;
        harbor.push("payments_checkout", "api", version, &digest).unwrap();
        let ci = self.shell(CI).with("CI_COMMIT_SHA", &commit);
        let ci = ci.with("GITLAB_USER_LOGIN", AUTHOR);
        ci.file("gate.json", &reports::quality_gate(&commit, "OK"));
        ci.file("trivy.json", &reports::image_scan(&[]));
        let register = format!("releases register payments/checkout {version} --image api={digest}");
        ci.run(&register).await.ends(0).shows(&[version, "registered"]);
        for (file, kind) in [("gate.json", "quality-gate"), ("trivy.json", "image-scan")] {
            let add = format!("releases evidence add payments/checkout {version} {file}");
            ci.run(&format!("{add} --kind {kind} --component api"))
                .await
                .ends(0)
                .shows(&[kind, "is kept"]);
        }
    }

    /// The same, until it runs in DEV, and in SIT too.
    pub async fn released_to_sit(&self, version: &str) {
        self.release(version).await;
        self.delivery.arrives("DEV", version).await;
        let to_sit = format!("promote payments/checkout {version} --to SIT --wait --quiet");
        self.shell("grace").run(&to_sit).await.ends(0);
    }

    /// Runs a command line as grace; somebody decides on the promotion that waits meanwhile: `approve {}`.
    pub async fn while_waiting(&self, command: &str, who: &str, decision: &str) -> Ran {
        let (grace, somebody) = (self.shell("grace"), self.shell(who));
        let decided = async {
            let deadline = Instant::now() + PATIENCE;
            loop {
                let waiting = somebody.run("approvals -o json").await.ends(0).json();
                if let Some(promotion) = waiting[0]["id"].as_str() {
                    somebody.run(&decision.replace("{}", promotion)).await.ends(0);
                    return;
                }
                assert!(Instant::now() < deadline, "nothing waits for {who}");
            }
        };
        tokio::join!(grace.run(command), decided).0
    }
}
