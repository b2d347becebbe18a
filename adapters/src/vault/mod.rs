//! Vault and OpenBao: KV v2 paths, policies, Kubernetes and AppRole roles; and the store of generated credentials.
//!
//! Every mark is written by the call that makes the resource, so that a lost answer never leaves a doubt: KV entries
//! carry it as custom metadata, policies in a comment, and roles, which have no field for text, as the name of a
//! policy that does not exist and so grants nothing.

mod client;
mod kv;
mod kv_mark;
mod policy;
mod role;
mod role_mark;
mod secret_path;
mod secret_store;

use async_trait::async_trait;
use opstella_domain::operation::Operation;
use opstella_domain::resource::{ExternalResource, Provenance, StepOutcome};
use opstella_domain::tool_connection::Connection;
use opstella_domain::{InstallationId, Tool};
use secrecy::SecretString;

use crate::http::{Credential, ToolHttp};
use crate::mark;
use crate::{Health, Removed, StepContext, StepError, ToolAdapter};

/// One connected Vault or OpenBao. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    http: ToolHttp,
    kv_mount: String,
    kubernetes_mount: String,
    approle_mount: String,
}

impl Vault {
    /// The adapter of a connection; the credential is a token.
    ///
    /// # Errors
    /// [`StepError::Permanent`] where no TLS client can be made.
    pub fn connect(connection: &Connection, credential: SecretString) -> Result<Self, StepError> {
        let token = Credential::Header("X-Vault-Token", credential);
        let settings = &connection.settings;
        let or = |mount: &Option<String>, default: &str| mount.clone().unwrap_or_else(|| default.to_owned());
        Ok(Self {
            http: ToolHttp::new(Tool::Vault, connection.url.as_str(), token)?,
            kv_mount: or(&settings.kv_mount, "secret"),
            kubernetes_mount: or(&settings.kubernetes_auth_mount, "kubernetes"),
            approle_mount: or(&settings.approle_mount, "approle"),
        })
    }

    /// What a step reports; `page` is below the web UI.
    fn outcome(&self, kind: &str, name: &str, page: Option<String>, provenance: Provenance) -> StepOutcome {
        StepOutcome {
            resource: ExternalResource {
                tool: Tool::Vault,
                kind: kind.to_owned(),
                name: name.to_owned(),
                url: page.map(|page| format!("{}/ui/vault/{page}", self.http.base())),
            },
            provenance,
            commit: None,
        }
    }
}

/// The refusal of what is there and not ours.
fn foreign(kind: &str, name: &str, another: Option<InstallationId>) -> StepError {
    mark::foreign("Vault", kind, name, another)
}

fn not_ours(operation: &Operation) -> StepError {
    StepError::Permanent {
        message: format!(
            "an operation of {} was sent to the Vault adapter",
            operation.tool()
        ),
    }
}

#[async_trait]
impl ToolAdapter for Vault {
    fn tool(&self) -> Tool {
        Tool::Vault
    }

    async fn ensure(&self, operation: &Operation, context: &StepContext) -> Result<StepOutcome, StepError> {
        match operation {
            Operation::VaultSecretPath { path } => self.ensure_secret_path(path, context).await,
            Operation::VaultPolicy { policy, path } => self.ensure_policy(policy, path, context).await,
            Operation::VaultKubernetesRole { .. } | Operation::VaultAppRole { .. } => {
                let role = self.role(operation).ok_or_else(|| not_ours(operation))?;
                self.ensure_role(&role, context).await
            }
            _ => Err(not_ours(operation)),
        }
    }

    async fn remove(&self, operation: &Operation, context: &StepContext) -> Result<Removed, StepError> {
        match operation {
            Operation::VaultSecretPath { path } => self.remove_secret_path(path, context).await,
            Operation::VaultPolicy { policy, .. } => self.remove_policy(policy, context).await,
            Operation::VaultKubernetesRole { .. } | Operation::VaultAppRole { .. } => {
                let role = self.role(operation).ok_or_else(|| not_ours(operation))?;
                self.remove_role(&role, context).await
            }
            _ => Err(not_ours(operation)),
        }
    }

    async fn health(&self) -> Result<Health, StepError> {
        self.check_health().await
    }
}
