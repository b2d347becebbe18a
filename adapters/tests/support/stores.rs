//! Secrets and templates in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use opstella_adapters::{SecretFields, SecretStore, SecretVersion, StepError, TemplateSource};
use opstella_domain::naming::SecretPath;
use opstella_domain::operation::Owner;
use opstella_domain::template::{TemplateFiles, TemplateRef};
use secrecy::ExposeSecret;

/// Secrets in memory.
#[derive(Default)]
pub struct Memory(pub Mutex<BTreeMap<String, SecretFields>>);

impl Memory {
    pub fn keep(&self, path: &SecretPath, fields: &[(&str, &str)]) {
        let fields = fields.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        self.0.lock().unwrap().insert(path.to_string(), fields);
    }

    /// A field as it is kept.
    pub fn kept(&self, path: &SecretPath, field: &str) -> Option<String> {
        let all = self.0.lock().unwrap();
        Some(all.get(path.as_str())?.get(field)?.expose_secret().to_owned())
    }

    /// All fields as they are kept, by path.
    pub fn all(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        let all = self.0.lock().unwrap();
        let shown = |fields: &SecretFields| {
            fields
                .iter()
                .map(|(k, v)| (k.clone(), v.expose_secret().to_owned()))
                .collect()
        };
        all.iter().map(|(path, f)| (path.clone(), shown(f))).collect()
    }
}

#[async_trait]
impl SecretStore for Memory {
    async fn read(&self, path: &SecretPath) -> Result<Option<SecretFields>, StepError> {
        Ok(self.0.lock().unwrap().get(path.as_str()).cloned())
    }

    async fn write(
        &self,
        path: &SecretPath,
        fields: SecretFields,
        _: &Owner,
        _: SecretVersion,
    ) -> Result<(), StepError> {
        self.0.lock().unwrap().insert(path.to_string(), fields);
        Ok(())
    }

    async fn delete(&self, path: &SecretPath) -> Result<(), StepError> {
        self.0.lock().unwrap().remove(path.as_str());
        Ok(())
    }
}

/// For tools that take none.
pub struct NoTemplates;

#[async_trait]
impl TemplateSource for NoTemplates {
    async fn files(&self, template: &TemplateRef) -> Result<Arc<TemplateFiles>, StepError> {
        panic!("this tool takes no templates, and was asked for {template}")
    }
}

/// One template, whatever it is called.
pub struct Templates(pub Arc<TemplateFiles>);

impl Templates {
    pub fn of(files: &[(&str, &str)]) -> Self {
        let files: BTreeMap<String, String> = files
            .iter()
            .map(|(path, text)| ((*path).into(), (*text).into()))
            .collect();
        Self(Arc::new(files.try_into().unwrap()))
    }
}

#[async_trait]
impl TemplateSource for Templates {
    async fn files(&self, _: &TemplateRef) -> Result<Arc<TemplateFiles>, StepError> {
        Ok(Arc::clone(&self.0))
    }
}
