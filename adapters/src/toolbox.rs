//! Where the engine finds what carries a step out.

use std::sync::Arc;

use async_trait::async_trait;
use opstella_domain::ConnectionName;
use opstella_domain::tool_connection::ConnectionKey;

use crate::{SecretStore, StepError, TemplateSource, ToolAdapter};

/// The adapters of all connections, the secret store beside them, and the templates.
#[async_trait]
pub trait Toolbox: Send + Sync {
    /// The adapter of a connection.
    ///
    /// # Errors
    /// [`StepError`] where the tool is not connected, or its credential is not configured.
    async fn adapter(&self, connection: &ConnectionKey) -> Result<Arc<dyn ToolAdapter>, StepError>;

    /// Where generated credentials are kept by runs on connections of this name.
    ///
    /// # Errors
    /// [`StepError`] where Vault is not connected, or its credential is not configured.
    async fn secrets(&self, connection: &ConnectionName) -> Result<Arc<dyn SecretStore>, StepError>;

    /// The files of templates.
    fn templates(&self) -> Arc<dyn TemplateSource>;
}
