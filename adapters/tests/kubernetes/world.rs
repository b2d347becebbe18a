//! A sandbox, an adapter, and the operations of one environment.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use opstella_adapters::kubernetes::Kubernetes;
use opstella_adapters::{
    Removal, Removed, SecretFields, SecretStore, SecretVersion, StepContext, StepError, TemplateSource,
    ToolAdapter,
};
use opstella_domain::naming::{KubernetesName, SecretPath};
use opstella_domain::operation::{Operation, Owner};
use opstella_domain::resource::Provenance;
use opstella_domain::template::{TemplateFiles, TemplateRef};
use opstella_domain::tool_connection::{Connection, ToolSettings};
use opstella_domain::{Environment, RunId, ServiceKey};
use opstella_sandbox::credentials::KUBERNETES_TOKEN;
use opstella_sandbox::{Sandbox, SandboxOptions};
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::support::INSTALLATION;

/// The namespace that all operations are about.
pub const NAMESPACE: &str = "payments--checkout--dev";
pub const REGISTRY: &str = "harbor.example:8443";

/// Secrets in memory.
#[derive(Default)]
pub struct Secrets(pub Mutex<BTreeMap<String, Vec<(String, String)>>>);

impl Secrets {
    pub fn keep(&self, path: &SecretPath, fields: &[(&str, &str)]) {
        let fields = fields.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        self.0.lock().unwrap().insert(path.to_string(), fields);
    }
}

#[async_trait]
impl SecretStore for Secrets {
    async fn read(&self, path: &SecretPath) -> Result<Option<SecretFields>, StepError> {
        let kept = self.0.lock().unwrap().get(path.as_str()).cloned();
        Ok(kept.map(|fields| fields.into_iter().map(|(k, v)| (k, v.into())).collect()))
    }

    async fn write(
        &self,
        path: &SecretPath,
        fields: SecretFields,
        _: &Owner,
        _: SecretVersion,
    ) -> Result<(), StepError> {
        let fields: Vec<_> = fields
            .iter()
            .map(|(k, v)| (k.as_str(), v.expose_secret()))
            .collect();
        self.keep(path, &fields);
        Ok(())
    }

    async fn delete(&self, path: &SecretPath, _: &Owner) -> Result<bool, StepError> {
        Ok(self.0.lock().unwrap().remove(path.as_str()).is_some())
    }
}

struct NoTemplates;

#[async_trait]
impl TemplateSource for NoTemplates {
    async fn files(&self, _: &TemplateRef) -> Result<Arc<TemplateFiles>, StepError> {
        unreachable!("Kubernetes renders no template")
    }
}

/// An operation, and where the API server has its object.
pub struct Case {
    pub operation: Operation,
    pub collection: String,
    pub name: &'static str,
    /// What makes an object of this kind valid.
    pub foreign: Value,
}

impl Case {
    pub fn path(&self) -> String {
        format!("{}/{}", self.collection, self.name)
    }

    pub fn is_namespace(&self) -> bool {
        self.name == NAMESPACE
    }
}

pub struct World {
    pub sandbox: Sandbox,
    pub adapter: Kubernetes,
    pub secrets: Arc<Secrets>,
    http: reqwest::Client,
}

pub fn service() -> ServiceKey {
    "payments/checkout".parse().unwrap()
}

pub fn robot() -> SecretPath {
    SecretPath::robot(&service())
}

pub fn connect(url: String, token: &str) -> Kubernetes {
    let connection = Connection {
        url: url.try_into().unwrap(),
        credential: "kubernetes".parse().unwrap(),
        settings: ToolSettings::default(),
    };
    Kubernetes::connect(&connection, SecretString::from(token)).unwrap()
}

impl World {
    pub async fn new() -> Self {
        Self::with(SandboxOptions::default()).await
    }

    pub async fn with(options: SandboxOptions) -> Self {
        let sandbox = Sandbox::start(options).await.unwrap();
        let secrets = Arc::new(Secrets::default());
        secrets.keep(&robot(), &[("username", "robot$ci"), ("password", "hunter2")]);
        Self {
            adapter: connect(sandbox.tool_url("kubernetes"), KUBERNETES_TOKEN),
            secrets,
            http: reqwest::Client::new(),
            sandbox,
        }
    }

    pub fn context(&self, run: RunId) -> StepContext {
        StepContext {
            owner: Owner {
                installation: INSTALLATION,
                service: service(),
                run,
            },
            adopt: false,
            retried: false,
            commit: None,
            run_started: chrono::Utc::now(),
            removal: Removal::ThisRun,
            secrets: self.secrets.clone(),
            templates: Arc::new(NoTemplates),
        }
    }

    /// Ensures as a run; what the step says of its resource's origin.
    pub async fn ensure(&self, operation: &Operation, run: RunId) -> Result<Provenance, StepError> {
        let outcome = self.adapter.ensure(operation, &self.context(run)).await;
        outcome.map(|outcome| outcome.provenance)
    }

    pub async fn adopt(&self, operation: &Operation, run: RunId) -> Result<Provenance, StepError> {
        let mut context = self.context(run);
        context.adopt = true;
        let outcome = self.adapter.ensure(operation, &context).await;
        outcome.map(|outcome| outcome.provenance)
    }

    pub async fn remove(&self, operation: &Operation, run: RunId, removal: Removal) -> Removed {
        let mut context = self.context(run);
        context.removal = removal;
        self.adapter.remove(operation, &context).await.unwrap()
    }

    /// Makes what an operation needs: its namespace, by this run, unless it is the namespace itself.
    pub async fn prepare(&self, case: &Case, run: RunId) {
        if !case.is_namespace() {
            self.ensure(&cases()[0].operation, run).await.unwrap();
        }
    }

    /// What somebody else does in the cluster.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let url = format!("{}{path}", self.sandbox.tool_url("kubernetes"));
        let mut request = self
            .http
            .request(method.clone(), url)
            .bearer_auth(KUBERNETES_TOKEN);
        if let Some(body) = body {
            let media = if method == Method::PATCH {
                "application/merge-patch+json"
            } else {
                "application/json"
            };
            request = request.header("content-type", media).body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, None).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        let (status, body) = self.call(Method::POST, path, Some(&body)).await;
        assert_eq!(status, 201, "{body}");
        body
    }

    pub async fn patch(&self, path: &str, body: Value) {
        let (status, body) = self.call(Method::PATCH, path, Some(&body)).await;
        assert_eq!(status, 200, "{body}");
    }
}

pub fn a_run() -> RunId {
    RunId(uuid::Uuid::new_v4())
}

pub fn namespace() -> KubernetesName {
    KubernetesName::namespace(&service(), Environment::Dev)
}

/// All operations; the namespace's comes first.
pub fn cases() -> Vec<Case> {
    cases_in(Environment::Dev)
}

pub fn cases_in(environment: Environment) -> Vec<Case> {
    let core = |plural: &str| format!("/api/v1/namespaces/{NAMESPACE}/{plural}");
    let group = |group: &str, plural: &str| format!("/apis/{group}/v1/namespaces/{NAMESPACE}/{plural}");
    let case = |operation, collection, name, foreign| Case {
        operation,
        collection,
        name,
        foreign,
    };
    let none = || serde_json::json!({});
    vec![
        case(
            Operation::KubernetesNamespace {
                namespace: namespace(),
                environment,
            },
            "/api/v1/namespaces".into(),
            NAMESPACE,
            none(),
        ),
        case(
            Operation::KubernetesQuota {
                namespace: namespace(),
                environment,
            },
            core("resourcequotas"),
            "opstella-quota",
            serde_json::json!({ "spec": { "hard": { "pods": "1" } } }),
        ),
        case(
            Operation::KubernetesLimits {
                namespace: namespace(),
            },
            core("limitranges"),
            "opstella-limits",
            serde_json::json!({ "spec": { "limits": [{ "type": "Pod" }] } }),
        ),
        case(
            Operation::KubernetesNetworkPolicy {
                namespace: namespace(),
            },
            group("networking.k8s.io", "networkpolicies"),
            "default-deny",
            serde_json::json!({ "spec": { "podSelector": {}, "ingress": [{}] } }),
        ),
        case(
            Operation::KubernetesServiceAccount {
                namespace: namespace(),
                name: KubernetesName::fixed("workload"),
            },
            core("serviceaccounts"),
            "workload",
            none(),
        ),
        case(
            Operation::KubernetesRoleBinding {
                namespace: namespace(),
                project: service().project,
                environment,
            },
            group("rbac.authorization.k8s.io", "rolebindings"),
            "opstella-members",
            serde_json::json!({ "roleRef": { "kind": "ClusterRole", "name": "edit",
                                             "apiGroup": "rbac.authorization.k8s.io" },
                                "subjects": [{ "kind": "Group", "name": "everybody" }] }),
        ),
        case(
            Operation::KubernetesPullSecret {
                namespace: namespace(),
                name: KubernetesName::fixed("registry-pull"),
                registry: REGISTRY.into(),
                credential: robot(),
            },
            core("secrets"),
            "registry-pull",
            serde_json::json!({ "type": "kubernetes.io/dockerconfigjson",
                                "data": { ".dockerconfigjson": "e30=" } }),
        ),
    ]
}
