//! The adapters of all connections, made from the journal's connections and the configured credentials.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use opstella_domain::tool_connection::{Connection, ConnectionKey, ToolConnection};
use opstella_domain::{ConnectionName, CredentialName, Tool};
use opstella_journal::Journal;
use secrecy::SecretString;

use crate::argocd::ArgoCd;
use crate::gitlab::GitLab;
use crate::harbor::Harbor;
use crate::kubernetes::Kubernetes;
use crate::sonarqube::SonarQube;
use crate::templates::JournalTemplates;
use crate::vault::Vault;
use crate::{SecretStore, StepError, TemplateSource, ToolAdapter, Toolbox};

/// The adapters of all connections. An adapter is made anew when its connection changes.
pub struct Registry {
    journal: Journal,
    credentials: BTreeMap<CredentialName, SecretString>,
    adapters: Mutex<HashMap<ConnectionKey, Made>>,
}

/// An adapter and the connection that it was made for.
#[derive(Clone)]
struct Made {
    connection: Connection,
    adapter: Arc<dyn ToolAdapter>,
    secrets: Option<Arc<dyn SecretStore>>,
}

impl Registry {
    /// A registry over the journal's connections, with these credentials by name.
    pub fn new(journal: Journal, credentials: BTreeMap<CredentialName, SecretString>) -> Arc<Self> {
        Arc::new(Self {
            journal,
            credentials,
            adapters: Mutex::default(),
        })
    }

    async fn made(&self, key: &ConnectionKey) -> Result<Made, StepError> {
        let loaded = self
            .journal
            .load::<ToolConnection>(&key.to_string())
            .await
            .map_err(|error| StepError::Transient {
                message: format!("connection {key}: {error}"),
                retry_after: None,
            })?;
        let Some(connection) = &loaded.state.connection else {
            let message = format!("{key} is not connected; connect it with PUT /api/v1/tools/{key}");
            return Err(StepError::Permanent { message });
        };
        if let Some(made) = self
            .adapters()
            .get(key)
            .filter(|made| &made.connection == connection)
        {
            return Ok(made.clone());
        }
        let credential = self.credentials.get(&connection.credential).ok_or_else(|| StepError::Unauthorised {
            message: format!(
                "{key} names the credential `{0}`, which is not configured; set credentials.{0} and restart",
                connection.credential
            ),
        })?;
        let made = make(key.tool, connection, credential.clone())?;
        self.adapters().insert(key.clone(), made.clone());
        Ok(made)
    }

    fn adapters(&self) -> MutexGuard<'_, HashMap<ConnectionKey, Made>> {
        self.adapters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make(tool: Tool, connection: &Connection, credential: SecretString) -> Result<Made, StepError> {
    let mut secrets: Option<Arc<dyn SecretStore>> = None;
    let adapter: Arc<dyn ToolAdapter> = match tool {
        Tool::GitLab => Arc::new(GitLab::connect(connection, credential)?),
        Tool::Harbor => Arc::new(Harbor::connect(connection, credential)?),
        Tool::Vault => {
            let vault = Arc::new(Vault::connect(connection, credential)?);
            secrets = Some(vault.clone());
            vault
        }
        Tool::SonarQube => Arc::new(SonarQube::connect(connection, credential)?),
        Tool::Kubernetes => Arc::new(Kubernetes::connect(connection, credential)?),
        Tool::ArgoCd => Arc::new(ArgoCd::connect(connection, credential)?),
    };
    Ok(Made {
        connection: connection.clone(),
        adapter,
        secrets,
    })
}

#[async_trait]
impl Toolbox for Registry {
    async fn adapter(&self, connection: &ConnectionKey) -> Result<Arc<dyn ToolAdapter>, StepError> {
        Ok(self.made(connection).await?.adapter)
    }

    async fn secrets(&self, connection: &ConnectionName) -> Result<Arc<dyn SecretStore>, StepError> {
        let key = ConnectionKey {
            tool: Tool::Vault,
            name: connection.clone(),
        };
        let missing = || StepError::Permanent {
            message: format!("{key} keeps no secrets"),
        };
        self.made(&key).await?.secrets.ok_or_else(missing)
    }

    fn templates(&self) -> Arc<dyn TemplateSource> {
        Arc::new(JournalTemplates(self.journal.clone()))
    }
}
