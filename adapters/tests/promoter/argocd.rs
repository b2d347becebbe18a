//! An Argo CD in memory that counts what it is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use opstella_adapters::{
    Health, Observed, Removed, SecretStore, StepContext, StepError, TemplateSource, ToolAdapter, Toolbox,
};
use opstella_domain::operation::Operation;
use opstella_domain::resource::StepOutcome;
use opstella_domain::tool_connection::ConnectionKey;
use opstella_domain::{ConnectionName, ProjectSlug, Tool};

/// Clones are the same one.
#[derive(Clone, Default)]
pub struct Argo(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    running: BTreeMap<String, Observed>,
    /// What a survey shows instead.
    shown: BTreeMap<String, Observed>,
    unseen: BTreeSet<String>,
    away: bool,
    surveys: Vec<String>,
    looks: Vec<String>,
}

pub fn observed(image: &str, health: &str) -> Observed {
    Observed {
        images: vec![image.to_owned()],
        synced: true,
        health: health.to_owned(),
    }
}

impl Argo {
    pub fn runs(&self, application: &str, image: &str, health: &str) {
        let mut inner = self.0.lock().unwrap();
        inner
            .running
            .insert(application.to_owned(), observed(image, health));
    }

    /// What a survey shows, although something else runs.
    pub fn shows(&self, application: &str, image: &str, health: &str) {
        let mut inner = self.0.lock().unwrap();
        inner
            .shown
            .insert(application.to_owned(), observed(image, health));
    }

    /// Nobody may look at an application closely.
    pub fn hides(&self, application: &str) {
        self.0.lock().unwrap().unseen.insert(application.to_owned());
    }

    pub fn is_away(&self, away: bool) {
        self.0.lock().unwrap().away = away;
    }

    pub fn surveys(&self) -> Vec<String> {
        self.0.lock().unwrap().surveys.clone()
    }

    /// The applications that were looked at closely.
    pub fn looks(&self) -> Vec<String> {
        self.0.lock().unwrap().looks.clone()
    }

    fn answers(&self) -> Result<(), StepError> {
        if self.0.lock().unwrap().away {
            return Err(StepError::Transient {
                message: "Argo CD is away as the test asked".to_owned(),
                retry_after: None,
            });
        }
        Ok(())
    }
}

#[async_trait]
impl ToolAdapter for Argo {
    fn tool(&self) -> Tool {
        Tool::ArgoCd
    }

    async fn ensure(&self, _: &Operation, _: &StepContext) -> Result<StepOutcome, StepError> {
        unreachable!()
    }

    async fn remove(&self, _: &Operation, _: &StepContext) -> Result<Removed, StepError> {
        unreachable!()
    }

    async fn survey(&self, project: &ProjectSlug) -> Result<BTreeMap<String, Observed>, StepError> {
        self.0.lock().unwrap().surveys.push(project.to_string());
        // Others are asked meanwhile.
        tokio::task::yield_now().await;
        self.answers()?;
        let inner = self.0.lock().unwrap();
        let mut seen = inner.running.clone();
        seen.extend(inner.shown.clone());
        seen.retain(|name, _| name.starts_with(&format!("{project}--")));
        Ok(seen)
    }

    async fn observe(&self, operation: &Operation) -> Result<Observed, StepError> {
        let Operation::ArgoHealthy { application, .. } = operation else {
            unreachable!()
        };
        let name = application.as_str();
        self.0.lock().unwrap().looks.push(name.to_owned());
        self.answers()?;
        let inner = self.0.lock().unwrap();
        if inner.unseen.contains(name) {
            return Err(StepError::Permanent {
                message: "it is hidden as the test asked".to_owned(),
            });
        }
        Ok(inner.running[name].clone())
    }

    async fn health(&self) -> Result<Health, StepError> {
        unreachable!()
    }
}

#[async_trait]
impl Toolbox for Argo {
    async fn adapter(&self, _: &ConnectionKey) -> Result<Arc<dyn ToolAdapter>, StepError> {
        Ok(Arc::new(self.clone()))
    }

    async fn secrets(&self, _: &ConnectionName) -> Result<Arc<dyn SecretStore>, StepError> {
        unreachable!()
    }

    fn templates(&self) -> Arc<dyn TemplateSource> {
        unreachable!()
    }
}
