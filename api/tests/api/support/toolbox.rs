//! Tools that do at once whatever they are asked, and fail as told.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use opstella_adapters::{
    FetchedReport, Health, Removed, ReportSource, SecretFields, SecretStore, SecretVersion, StepContext,
    StepError, TemplateSource, ToolAdapter, Toolbox,
};
use opstella_domain::evidence::ReportKind;
use opstella_domain::naming::SecretPath;
use opstella_domain::operation::{Operation, Owner};
use opstella_domain::resource::{ExternalResource, Provenance, StepOutcome};
use opstella_domain::template::{TemplateFiles, TemplateRef};
use opstella_domain::tool_connection::ConnectionKey;
use opstella_domain::{ConnectionName, Tool};
use serde_json::Value;
use tokio::sync::watch;

/// Tools in memory. Clones are the same tools.
#[derive(Clone)]
pub struct TestTools {
    failing: Arc<Mutex<HashSet<Tool>>>,
    unauthorised: Arc<Mutex<HashSet<Tool>>>,
    resting: Arc<Mutex<HashSet<Tool>>>,
    open: Arc<watch::Sender<bool>>,
    secrets: TestSecrets,
    /// Whether Argo CD says that what it deploys is not healthy yet.
    slow: Arc<AtomicBool>,
    reports: Arc<Mutex<BTreeMap<ReportKind, FetchedReport>>>,
    asked: Arc<Mutex<Vec<ReportSource>>>,
}

impl TestTools {
    pub fn new() -> Self {
        Self {
            failing: Arc::default(),
            unauthorised: Arc::default(),
            resting: Arc::default(),
            open: Arc::new(watch::channel(true).0),
            secrets: TestSecrets::default(),
            slow: Arc::default(),
            reports: Arc::default(),
            asked: Arc::default(),
        }
    }

    /// From now on the tool fails for good.
    pub fn fail(&self, tool: Tool) {
        self.failing.lock().unwrap().insert(tool);
    }

    /// From now on the tool does not take our credential: runs get stuck.
    pub fn refuse_credential(&self, tool: Tool) {
        self.unauthorised.lock().unwrap().insert(tool);
    }

    /// From now on the tool asks to be left alone for a day.
    pub fn rest(&self, tool: Tool) {
        self.resting.lock().unwrap().insert(tool);
    }

    /// From now on the tool is well.
    pub fn mend(&self, tool: Tool) {
        self.failing.lock().unwrap().remove(&tool);
        self.unauthorised.lock().unwrap().remove(&tool);
        self.resting.lock().unwrap().remove(&tool);
    }

    /// From now on this is kept at the path, in the field `secret`.
    pub fn keep(&self, path: &str, secret: &str) {
        let fields = BTreeMap::from([("secret".to_owned(), secret.to_owned())]);
        self.secrets.kept.lock().unwrap().insert(path.to_owned(), fields);
    }

    /// Whether the secrets cannot be read.
    pub fn seal(&self, away: bool) {
        *self.secrets.away.lock().unwrap() = away;
    }

    /// Whether what Argo CD deploys stays unhealthy from now on; it wants to be looked at again in a minute.
    pub fn deploy_slowly(&self, slow: bool) {
        self.slow.store(slow, Ordering::Relaxed);
    }

    /// From now on the report of that kind, on whatever image, is this.
    pub fn report(&self, kind: ReportKind, content: &Value) {
        let report = FetchedReport {
            content: content.to_string().into_bytes(),
            made_at: None,
        };
        self.reports.lock().unwrap().insert(kind, report);
    }

    /// Reports of a kind that tools were asked for.
    pub fn asked(&self, kind: ReportKind) -> Vec<ReportSource> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|one| one.kind() == kind).cloned().collect()
    }

    /// How often something was read at the path.
    pub fn reads(&self, path: &str) -> usize {
        let asked = self.secrets.asked.lock().unwrap();
        asked.iter().filter(|one| *one == path).count()
    }

    /// No step ends before [`release`](Self::release).
    pub fn hold(&self) {
        self.open.send_replace(false);
    }

    pub fn release(&self) {
        self.open.send_replace(true);
    }

    async fn pass(&self, tool: Tool) -> Result<(), StepError> {
        let mut open = self.open.subscribe();
        let _ = tokio::time::timeout(Duration::from_secs(60), open.wait_for(|open| *open)).await;
        if self.failing.lock().unwrap().contains(&tool) {
            return Err(StepError::Permanent {
                message: format!("{tool} fails as the test asked"),
            });
        }
        if self.unauthorised.lock().unwrap().contains(&tool) {
            return Err(StepError::Unauthorised {
                message: format!("{tool} does not take our credential"),
            });
        }
        if self.resting.lock().unwrap().contains(&tool) {
            return Err(StepError::Transient {
                message: format!("{tool} is maintained until tomorrow"),
                retry_after: Some(Duration::from_secs(86_400)),
            });
        }
        Ok(())
    }
}

/// One tool.
struct TestAdapter {
    tool: Tool,
    tools: TestTools,
}

#[async_trait]
impl ToolAdapter for TestAdapter {
    fn tool(&self) -> Tool {
        self.tool
    }

    async fn ensure(&self, operation: &Operation, _: &StepContext) -> Result<StepOutcome, StepError> {
        self.tools.pass(self.tool).await?;
        let healthy = matches!(operation, Operation::ArgoHealthy { .. });
        if healthy && self.tools.slow.load(Ordering::Relaxed) {
            return Err(StepError::Awaited {
                message: "it is Progressing".to_owned(),
                look_in: Duration::from_secs(60),
            });
        }
        Ok(StepOutcome {
            resource: ExternalResource {
                tool: self.tool,
                kind: "thing".to_owned(),
                name: format!("{operation:?}").chars().take(60).collect(),
                url: None,
            },
            provenance: Provenance::Created,
            commit: None,
        })
    }

    async fn remove(&self, _: &Operation, _: &StepContext) -> Result<Removed, StepError> {
        Ok(Removed::Deleted)
    }

    async fn report(&self, source: &ReportSource) -> Result<Option<FetchedReport>, StepError> {
        self.tools.asked.lock().unwrap().push(source.clone());
        self.tools.pass(self.tool).await?;
        Ok(self.tools.reports.lock().unwrap().get(&source.kind()).cloned())
    }

    async fn health(&self) -> Result<Health, StepError> {
        self.tools.pass(self.tool).await?;
        Ok(Health {
            version: Some("1.2.3".to_owned()),
        })
    }
}

/// What the test keeps, and what was asked for.
#[derive(Clone, Default)]
struct TestSecrets {
    kept: Arc<Mutex<BTreeMap<String, BTreeMap<String, String>>>>,
    asked: Arc<Mutex<Vec<String>>>,
    away: Arc<Mutex<bool>>,
}

#[async_trait]
impl SecretStore for TestSecrets {
    async fn read(&self, path: &SecretPath) -> Result<Option<SecretFields>, StepError> {
        self.asked.lock().unwrap().push(path.to_string());
        if *self.away.lock().unwrap() {
            return Err(StepError::Transient {
                message: "Vault is away as the test asked".to_owned(),
                retry_after: None,
            });
        }
        let kept = self.kept.lock().unwrap();
        let fields = kept.get(path.as_str()).cloned().unwrap_or_default();
        let fields = fields.into_iter().map(|(name, value)| (name, value.into()));
        Ok(Some(fields.collect()))
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

struct NoTemplates;

#[async_trait]
impl TemplateSource for NoTemplates {
    async fn files(&self, template: &TemplateRef) -> Result<Arc<TemplateFiles>, StepError> {
        Err(StepError::Permanent {
            message: format!("{template} is not here"),
        })
    }
}

#[async_trait]
impl Toolbox for TestTools {
    async fn adapter(&self, connection: &ConnectionKey) -> Result<Arc<dyn ToolAdapter>, StepError> {
        Ok(Arc::new(TestAdapter {
            tool: connection.tool,
            tools: self.clone(),
        }))
    }

    async fn secrets(&self, _: &ConnectionName) -> Result<Arc<dyn SecretStore>, StepError> {
        Ok(Arc::new(self.secrets.clone()))
    }

    fn templates(&self) -> Arc<dyn TemplateSource> {
        Arc::new(NoTemplates)
    }
}
