//! The files of registered templates, from the journal.

use std::sync::Arc;

use async_trait::async_trait;
use opstella_domain::template::{Template, TemplateFiles, TemplateRef};
use opstella_journal::Journal;

use crate::{StepError, TemplateSource};

/// Reads templates from the journal, by its warm cache.
pub struct JournalTemplates(pub Journal);

#[async_trait]
impl TemplateSource for JournalTemplates {
    async fn files(&self, template: &TemplateRef) -> Result<Arc<TemplateFiles>, StepError> {
        let loaded = self
            .0
            .load::<Template>(template.name.as_str())
            .await
            .map_err(|error| StepError::Transient {
                message: format!("template {template}: {error}"),
                retry_after: None,
            })?;
        let version = loaded.state.versions.get(&template.version);
        version
            .map(|v| Arc::clone(&v.files))
            .ok_or_else(|| StepError::Permanent {
                message: format!("template {template} is not registered; register it and retry the step"),
            })
    }
}
