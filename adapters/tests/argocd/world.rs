//! A sandbox with an Argo CD, and what the tests ask of it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use http::Method;
use opstella_adapters::argocd::ArgoCd;
use opstella_adapters::http::{Credential, ToolHttp};
use opstella_adapters::{
    Removal, Removed, SecretFields, SecretStore, SecretVersion, StepContext, StepError, TemplateSource,
    ToolAdapter,
};
use opstella_domain::naming::{KubernetesName, SecretPath};
use opstella_domain::operation::{Operation, Owner};
use opstella_domain::resource::{Provenance, StepOutcome};
use opstella_domain::template::{TemplateFiles, TemplateRef};
use opstella_domain::tool_connection::{Connection, ToolSettings};
use opstella_domain::{Environment, RunId, Tool};
use opstella_sandbox::{Fault, Sandbox, SandboxOptions, Tools, credentials};
use serde_json::Value;
use uuid::Uuid;

use crate::support::INSTALLATION;

/// Neither operation of Argo CD needs either.
struct Nothing;

#[async_trait]
impl SecretStore for Nothing {
    async fn read(&self, _: &SecretPath) -> Result<Option<SecretFields>, StepError> {
        unreachable!()
    }
    async fn write(
        &self,
        _: &SecretPath,
        _: SecretFields,
        _: &Owner,
        _: SecretVersion,
    ) -> Result<(), StepError> {
        unreachable!()
    }
    async fn delete(&self, _: &SecretPath, _: &Owner) -> Result<bool, StepError> {
        unreachable!()
    }
}

#[async_trait]
impl TemplateSource for Nothing {
    async fn files(&self, _: &TemplateRef) -> Result<Arc<TemplateFiles>, StepError> {
        unreachable!()
    }
}

pub const CLUSTER: &str = "https://kubernetes.default.svc";
pub const APPLICATION: &str = "/api/v1/applications/payments--checkout--api--dev";
pub const PROJECT: &str = "/api/v1/projects/payments";

pub fn context(service: &str, run: u128) -> StepContext {
    StepContext {
        owner: Owner {
            installation: INSTALLATION,
            service: service.parse().unwrap(),
            run: RunId(Uuid::from_u128(run)),
        },
        adopt: false,
        retried: false,
        commit: None,
        run_started: Utc::now(),
        removal: Removal::ThisRun,
        secrets: Arc::new(Nothing),
        templates: Arc::new(Nothing),
    }
}

pub fn checkout(run: u128) -> StepContext {
    context("payments/checkout", run)
}

pub fn adopting(run: u128) -> StepContext {
    StepContext {
        adopt: true,
        ..checkout(run)
    }
}

pub fn decommissioning(run: u128) -> StepContext {
    StepContext {
        removal: Removal::Service,
        ..checkout(run)
    }
}

pub fn project() -> Operation {
    Operation::ArgoProject {
        project: "payments".parse().unwrap(),
        source_repositories: "https://git.example/payments/*".into(),
        namespaces: "payments--*".into(),
        destination: CLUSTER.into(),
    }
}

pub fn application() -> Operation {
    application_of("checkout")
}

/// One of another service of the project.
pub fn others_application() -> Operation {
    application_of("other")
}

fn application_of(service: &str) -> Operation {
    let key = format!("payments/{service}").parse().unwrap();
    Operation::ArgoApplication {
        application: KubernetesName::application(&key, &"api".parse().unwrap(), Environment::Dev),
        project: "payments".parse().unwrap(),
        repository_url: format!("https://git.example/payments/{service}_api.git"),
        path: "deploy/dev".into(),
        namespace: KubernetesName::namespace(&key, Environment::Dev),
        destination: CLUSTER.into(),
    }
}

pub struct World {
    pub sandbox: Sandbox,
    pub tools: Tools,
    pub adapter: ArgoCd,
    raw: ToolHttp,
}

impl World {
    pub async fn new() -> Self {
        let tools = Tools::default();
        let options = SandboxOptions {
            tools: tools.list(),
            record_exchanges: true,
            keycloak: None,
            ..SandboxOptions::default()
        };
        let sandbox = Sandbox::start(options).await.unwrap();
        let url = sandbox.tool_url("argocd");
        let token = || credentials::ARGOCD_TOKEN.to_owned().into();
        let adapter = connect(&url, credentials::ARGOCD_TOKEN).with_patience(Duration::from_secs(2));
        let raw = ToolHttp::new(Tool::ArgoCd, &url, Credential::Bearer(token())).unwrap();
        Self {
            sandbox,
            tools,
            adapter,
            raw,
        }
    }

    /// With the project of `payments`, which another service's run made.
    pub async fn with_project() -> Self {
        let world = Self::new().await;
        let other = context("payments/other", 99);
        world.adapter.ensure(&project(), &other).await.unwrap();
        world
    }

    /// With the project, and an application of that other service in it: nobody who unwinds takes it away.
    pub async fn with_neighbour() -> Self {
        let world = Self::with_project().await;
        let other = context("payments/other", 99);
        world.ensure(&others_application(), &other).await;
        world
    }

    /// With whatever the operation needs to be there first.
    pub async fn before(operation: &Operation) -> Self {
        match operation {
            Operation::ArgoProject { .. } => Self::new().await,
            _ => Self::with_neighbour().await,
        }
    }

    pub async fn ensure(&self, operation: &Operation, context: &StepContext) -> StepOutcome {
        self.adapter.ensure(operation, context).await.unwrap()
    }

    pub async fn provenance(&self, operation: &Operation, context: &StepContext) -> Provenance {
        self.ensure(operation, context).await.provenance
    }

    pub async fn refusal(&self, operation: &Operation, context: &StepContext) -> StepError {
        self.adapter.ensure(operation, context).await.unwrap_err()
    }

    pub async fn remove(&self, operation: &Operation, context: &StepContext) -> Removed {
        self.adapter.remove(operation, context).await.unwrap()
    }

    pub fn fault(&self, fault: Fault) {
        self.sandbox.add_fault(fault).unwrap();
    }

    /// What the API itself answers.
    pub async fn call(&self, method: Method, path: &str, body: &Value) -> Value {
        let call = self.raw.call(method, path);
        let call = if body.is_null() { call } else { call.json(body) };
        call.send().await.unwrap().success().unwrap().json().unwrap()
    }

    pub async fn get(&self, path: &str) -> Value {
        self.call(Method::GET, path, &Value::Null).await
    }

    pub async fn put(&self, path: &str, body: &Value) {
        self.call(Method::PUT, path, body).await;
    }

    pub async fn post(&self, path: &str, body: &Value) {
        self.call(Method::POST, path, body).await;
    }

    /// What exists in it, by kind.
    pub fn state(&self) -> Value {
        self.sandbox.state()["argocd"].clone()
    }

    /// How often something was written that was not refused.
    pub fn writes(&self) -> usize {
        let exchanges = self.sandbox.exchanges();
        let writes = exchanges
            .iter()
            .filter(|e| e.method != Method::GET && e.status.is_success());
        writes.count()
    }
}

pub fn connect(url: &str, token: &str) -> ArgoCd {
    let connection = Connection {
        url: url.to_owned().try_into().unwrap(),
        credential: "argocd".parse().unwrap(),
        settings: ToolSettings::default(),
    };
    ArgoCd::connect(&connection, token.to_owned().into()).unwrap()
}

/// What `error` says, which is permanent.
#[track_caller]
pub fn permanent(error: &StepError) -> String {
    assert!(matches!(error, StepError::Permanent { .. }), "{error:?}");
    error.to_string()
}

#[track_caller]
pub fn transient(error: &StepError) -> Option<Duration> {
    match error {
        StepError::Transient { retry_after, .. } => *retry_after,
        other => panic!("{other:?}"),
    }
}
