//! What the demo stands on: the sandbox and a server, in this process.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use opstella_domain::CredentialName;
use opstella_sandbox::{Sandbox, SandboxOptions, credentials};
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use super::DemoError;
use crate::serve::{self, Serving};
use crate::wiring::StartError;
use crate::{config, telemetry};

/// Who sends the demo's commands: the owner of its project.
const USER: &str = "alice";
/// Who connects the tools.
const ADMIN: &str = "root";

/// Longest that the sandbox may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The sandbox and a server.
pub struct Ground {
    sandbox: Sandbox,
    server: Serving,
    url: String,
}

impl Ground {
    /// Starts both; the sandbox's Keycloak is the issuer.
    pub async fn start(database_url: &str, port: u16) -> Result<Self, DemoError> {
        let sandbox = Sandbox::start(SandboxOptions::default()).await?;
        // Tools are told where to call: the port has to be known before anything is planned.
        let port = if port == 0 { free_port()? } else { port };
        let issuer = sandbox.keycloak().map(|keycloak| keycloak.issuer());
        let mut config = config::load(None).map_err(StartError::from)?;
        config.server.listen = SocketAddr::from(([127, 0, 0, 1], port));
        config.server.public_url = Url::parse(&format!("http://127.0.0.1:{port}"))
            .map_err(|error| DemoError::Unexpected(error.to_string()))?;
        config.database.url = Some(database_url.into());
        config.oidc.issuer = issuer;
        config.credentials = secrets().into_iter().collect();
        config.log.level = "warn".into();
        telemetry::start_logging(&config.log).map_err(StartError::Logging)?;
        let server = serve::start(config, true).await?;
        let url = format!("http://{}", server.address);
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
        self.token_of(USER)
    }

    /// A token of the platform's admin.
    pub fn admin_token(&self) -> Result<String, DemoError> {
        self.token_of(ADMIN)
    }

    /// A token of the machine that CI is.
    pub fn machine_token(&self) -> Result<String, DemoError> {
        let keycloak = self.sandbox.keycloak();
        let token = keycloak.and_then(|k| k.issue_for_client(credentials::KEYCLOAK_CI_CLIENT));
        token.ok_or_else(|| DemoError::Unexpected("Keycloak does not know CI's client".into()))
    }

    /// Does something to a tool that its API has no call for.
    pub async fn operate(&self, path: &str, body: &Value) -> Result<(), DemoError> {
        let url = format!("{}/_sandbox/{path}", self.sandbox.url());
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
        client.post(url).json(body).send().await?.error_for_status()?;
        Ok(())
    }

    /// A token of somebody.
    pub fn token_of(&self, user: &str) -> Result<String, DemoError> {
        let token = self.sandbox.keycloak().and_then(|k| k.issue_for(user));
        token.ok_or_else(|| DemoError::Unexpected(format!("Keycloak does not know {user}")))
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
                    names
                        .into_iter()
                        .map(move |name| format!("{tool} {kind} {name}"))
                        .collect::<Vec<_>>()
                })
            })
            .collect()
    }

    /// What exists now and did not before.
    pub fn since(&self, before: &BTreeSet<String>) -> Vec<String> {
        self.existing().difference(before).cloned().collect()
    }

    /// Stops both.
    pub async fn stop(self) {
        self.server.stop().await;
        self.sandbox.shutdown().await;
    }

    /// Serves until SIGINT or SIGTERM.
    pub async fn serve_until_interrupted(self) -> Result<(), DemoError> {
        self.server.until_stopped().await?;
        self.sandbox.shutdown().await;
        Ok(())
    }
}

fn free_port() -> Result<u16, DemoError> {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    taken
        .map(|address| address.port())
        .map_err(|error| DemoError::Unexpected(format!("no free port: {error}")))
}

/// The credentials of the sandbox's tools, by the names that the demo connects them under.
fn secrets() -> Vec<(CredentialName, SecretString)> {
    let harbor = format!("{}:{}", credentials::HARBOR_USER, credentials::HARBOR_PASSWORD);
    let all = [
        ("gitlab", credentials::GITLAB_TOKEN),
        ("harbor", &harbor),
        ("vault", credentials::VAULT_TOKEN),
        ("sonarqube", credentials::SONARQUBE_TOKEN),
        ("kubernetes", credentials::KUBERNETES_TOKEN),
        ("argocd", credentials::ARGOCD_TOKEN),
    ];
    all.into_iter()
        .filter_map(|(name, secret)| Some((name.parse().ok()?, secret.into())))
        .collect()
}
