//! Secrets and templates in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use opstella_adapters::{SecretFields, SecretStore, SecretVersion, StepError, TemplateSource};
use opstella_domain::InstallationId;
use opstella_domain::naming::SecretPath;
use opstella_domain::operation::Owner;
use opstella_domain::template::{TemplateFiles, TemplateRef};
use secrecy::ExposeSecret;

/// Secrets in memory, and which installation of Opstella wrote those that one did.
#[derive(Default)]
pub struct Memory(
    pub Mutex<BTreeMap<String, SecretFields>>,
    Mutex<BTreeMap<String, InstallationId>>,
);

impl Memory {
    pub fn keep(&self, path: &SecretPath, fields: &[(&str, &str)]) {
        let fields = fields.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        self.0.lock().unwrap().insert(path.to_string(), fields);
    }

    /// Somebody deletes what is kept.
    pub fn lose(&self, path: &SecretPath) {
        self.0.lock().unwrap().remove(path.as_str());
        self.1.lock().unwrap().remove(path.as_str());
    }

    /// Somebody deletes all that this installation wrote.
    pub fn lose_all_of(&self, installation: InstallationId) {
        let mut writers = self.1.lock().unwrap();
        let mut kept = self.0.lock().unwrap();
        kept.retain(|path, _| writers.get(path) != Some(&installation));
        writers.retain(|_, writer| *writer != installation);
    }

    fn is_anothers(&self, path: &SecretPath, owner: &Owner) -> bool {
        let writers = self.1.lock().unwrap();
        let writer = writers.get(path.as_str());
        writer.is_some_and(|writer| *writer != owner.installation)
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

    async fn version(&self, path: &SecretPath, owner: &Owner) -> Result<SecretVersion, StepError> {
        if self.is_anothers(path, owner) {
            let message = format!("the secret `{path}` is another installation's");
            return Err(StepError::Permanent { message });
        }
        Ok(SecretVersion::default())
    }

    async fn write(
        &self,
        path: &SecretPath,
        fields: SecretFields,
        owner: &Owner,
        on: SecretVersion,
    ) -> Result<(), StepError> {
        assert_eq!(self.version(path, owner).await?, on);
        self.0.lock().unwrap().insert(path.to_string(), fields);
        let mut writers = self.1.lock().unwrap();
        writers.insert(path.to_string(), owner.installation);
        Ok(())
    }

    async fn delete(&self, path: &SecretPath, owner: &Owner) -> Result<bool, StepError> {
        if self.is_anothers(path, owner) {
            return Ok(false);
        }
        self.1.lock().unwrap().remove(path.as_str());
        Ok(self.0.lock().unwrap().remove(path.as_str()).is_some())
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
