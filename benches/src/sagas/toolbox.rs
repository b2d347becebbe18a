//! A tool that answers at once, or never in time: what is measured is ours.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use opstella_adapters::{
    Health, Removed, SecretFields, SecretStore, SecretVersion, StepContext, StepError, TemplateSource,
    ToolAdapter, Toolbox,
};
use opstella_domain::naming::SecretPath;
use opstella_domain::operation::{Operation, Owner};
use opstella_domain::resource::{ExternalResource, Provenance, StepOutcome};
use opstella_domain::template::{TemplateFiles, TemplateRef};
use opstella_domain::tool_connection::ConnectionKey;
use opstella_domain::{ConnectionName, Tool};

/// An in-memory tool, whatever the operation.
#[derive(Clone, Copy)]
pub struct MemoryTool {
    /// How long each answer takes; none for at once.
    pub latency: Option<Duration>,
}

#[async_trait]
impl ToolAdapter for MemoryTool {
    fn tool(&self) -> Tool {
        Tool::Kubernetes
    }

    async fn ensure(&self, operation: &Operation, context: &StepContext) -> Result<StepOutcome, StepError> {
        if let Some(latency) = self.latency {
            tokio::time::sleep(latency).await;
        }
        let resource = ExternalResource {
            tool: operation.tool(),
            kind: "service-account".into(),
            name: context.owner.run.to_string(),
            url: None,
        };
        Ok(StepOutcome {
            resource,
            provenance: Provenance::Created,
            commit: None,
        })
    }

    async fn remove(&self, _: &Operation, _: &StepContext) -> Result<Removed, StepError> {
        Ok(Removed::Deleted)
    }

    async fn health(&self) -> Result<Health, StepError> {
        Ok(Health { version: None })
    }
}

/// Nothing is kept and nothing is found: a chain of service accounts needs neither.
struct Nothing;

#[async_trait]
impl SecretStore for Nothing {
    async fn read(&self, _: &SecretPath) -> Result<Option<SecretFields>, StepError> {
        Ok(None)
    }

    async fn write(
        &self,
        _: &SecretPath,
        _: SecretFields,
        _: &Owner,
        _: SecretVersion,
    ) -> Result<(), StepError> {
        Ok(())
    }

    async fn delete(&self, _: &SecretPath, _: &Owner) -> Result<bool, StepError> {
        Ok(false)
    }
}

#[async_trait]
impl TemplateSource for Nothing {
    async fn files(&self, template: &TemplateRef) -> Result<Arc<TemplateFiles>, StepError> {
        Err(StepError::Permanent {
            message: format!("the benchmark has no template {template}"),
        })
    }
}

#[async_trait]
impl Toolbox for MemoryTool {
    async fn adapter(&self, _: &ConnectionKey) -> Result<Arc<dyn ToolAdapter>, StepError> {
        Ok(Arc::new(*self))
    }

    async fn secrets(&self, _: &ConnectionName) -> Result<Arc<dyn SecretStore>, StepError> {
        Ok(Arc::new(Nothing))
    }

    fn templates(&self) -> Arc<dyn TemplateSource> {
        Arc::new(Nothing)
    }
}
