//! What the demo stands on: the sandbox and a server, in this process.

use std::collections::BTreeSet;

use opstella_sandbox::{Sandbox, SandboxOptions, credentials};
use serde_json::Value;

use super::DemoError;

/// Who sends the demo's commands.
const USER: &str = "alice";

/// The sandbox and a server.
pub struct Ground {
    sandbox: Sandbox,
    server: crate::serve::Running,
    url: String,
}

impl Ground {
    /// Starts both; the sandbox's Keycloak is the issuer.
    pub async fn start(database_url: &str, port: u16) -> Result<Self, DemoError> {
        let sandbox = Sandbox::start(SandboxOptions::default()).await?;
        let issuer = sandbox.keycloak().and_then(|k| k.issuer());
        let issuer = issuer.ok_or_else(|| DemoError::Unexpected("the sandbox has no Keycloak".into()))?;
        let config = crate::config::Config::for_demo(database_url, port, &issuer, secrets());
        let config = config.map_err(|error| DemoError::Server(error.to_string()))?;
        let server = crate::serve::start(config).await.map_err(|error| DemoError::Server(error.to_string()))?;
        let url = format!("http://{}", server.address());
        Ok(Self { sandbox, server, url })
    }

    /// Where the server is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The tools.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// A token of the demo's user.
    pub fn token(&self) -> Result<String, DemoError> {
        let token = self.sandbox.keycloak().and_then(|k| k.issue_for(USER));
        token.ok_or_else(|| DemoError::Unexpected(format!("Keycloak does not know {USER}")))
    }

    /// Everything that exists in the tools now.
    pub fn existing(&self) -> BTreeSet<String> {
        let state = self.sandbox.state();
        let kinds = |tool: &Value| tool.as_object().cloned().unwrap_or_default();
        kinds(&state)
            .iter()
            .flat_map(|(tool, state)| {
                kinds(state).into_iter().flat_map(move |(kind, names)| {
                    let names = names.as_array().cloned().unwrap_or_default();
                    names.into_iter().map(move |name| format!("{tool} {kind} {name}")).collect::<Vec<_>>()
                })
            })
            .collect()
    }

    /// What exists now and did not before.
    pub fn left_behind(&self, before: &BTreeSet<String>) -> Vec<String> {
        self.existing().difference(before).cloned().collect()
    }

    /// Stops both.
    pub async fn stop(self) {
        self.server.stop().await;
        self.sandbox.shutdown().await;
    }

    /// Serves until SIGINT or SIGTERM.
    pub async fn serve_until_interrupted(self) {
        self.server.until_signalled().await;
        self.sandbox.shutdown().await;
    }
}

/// The credentials of the sandbox's tools, by the names that the demo connects them under.
fn secrets() -> Vec<(&'static str, String)> {
    vec![
        ("gitlab", credentials::GITLAB_TOKEN.to_owned()),
        ("harbor", format!("{}:{}", credentials::HARBOR_USER, credentials::HARBOR_PASSWORD)),
        ("vault", credentials::VAULT_TOKEN.to_owned()),
        ("sonarqube", credentials::SONARQUBE_TOKEN.to_owned()),
        ("kubernetes", credentials::KUBERNETES_TOKEN.to_owned()),
        ("argocd", credentials::ARGOCD_TOKEN.to_owned()),
    ]
}
