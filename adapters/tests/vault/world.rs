//! An OpenBao, or a sandbox; services on it, one for each case; and the operations of one environment.

use std::sync::Arc;

use http::Method;
use opstella_adapters::http::{Credential, ToolHttp};
use opstella_adapters::vault::Vault;
use opstella_adapters::{SecretFields, SecretStore, StepContext, StepError, ToolAdapter};
use opstella_devservers::openbao::OpenBao;
use opstella_domain::naming::{KubernetesName, SecretPath, VaultName};
use opstella_domain::operation::{Operation, Owner};
use opstella_domain::{Environment, ServiceKey, Tool};
use opstella_sandbox::{Sandbox, SandboxOptions, credentials};
use serde_json::{Value, json};

use crate::support::sweep::Sandboxed;
use crate::support::{Driven, INSTALLATION, Memory, connection, run};

/// What answers.
pub enum Server {
    Bao(OpenBao),
    Sandbox(Sandbox),
}

impl Server {
    pub async fn bao() -> Arc<Self> {
        Arc::new(Self::Bao(OpenBao::start().await.unwrap()))
    }

    pub async fn sandbox() -> Arc<Self> {
        let options = SandboxOptions {
            record_exchanges: true,
            keycloak: None,
            ..SandboxOptions::default()
        };
        Arc::new(Self::Sandbox(Sandbox::start(options).await.unwrap()))
    }

    pub fn url(&self) -> String {
        match self {
            Self::Bao(bao) => bao.url.clone(),
            Self::Sandbox(sandbox) => sandbox.tool_url("vault"),
        }
    }

    fn token(&self) -> String {
        match self {
            Self::Bao(bao) => bao.root_token.clone(),
            Self::Sandbox(_) => credentials::VAULT_TOKEN.to_owned(),
        }
    }
}

/// One service on a server.
pub struct World {
    pub server: Arc<Server>,
    pub adapter: Vault,
    pub service: ServiceKey,
    raw: ToolHttp,
}

impl Driven for World {
    fn adapter(&self) -> &dyn ToolAdapter {
        &self.adapter
    }

    fn context(&self, number: u128) -> StepContext {
        StepContext {
            owner: self.owner(number),
            ..crate::support::context(number, &Arc::new(Memory::default()))
        }
    }
}

impl Sandboxed for World {
    fn sandbox(&self) -> &Sandbox {
        match &*self.server {
            Server::Sandbox(sandbox) => sandbox,
            Server::Bao(_) => panic!("a real server has no faults on demand"),
        }
    }
}

impl World {
    /// Keeps fields on top of what is there now.
    pub async fn write(
        &self,
        path: &SecretPath,
        fields: SecretFields,
        owner: &Owner,
    ) -> Result<(), StepError> {
        let version = self.adapter.version(path, owner).await?;
        self.adapter.write(path, fields, owner, version).await
    }

    /// A service of this name.
    pub fn of(server: &Arc<Server>, service: &str) -> Self {
        let http = |token: String| {
            let token = Credential::Header("X-Vault-Token", token.into());
            ToolHttp::new(Tool::Vault, &server.url(), token).unwrap()
        };
        Self {
            adapter: Vault::connect(&connection(server.url()), server.token().into()).unwrap(),
            raw: http(server.token()),
            server: Arc::clone(server),
            service: format!("payments/{service}").parse().unwrap(),
        }
    }

    /// A service on a sandbox of its own.
    pub async fn sandboxed() -> Self {
        Self::of(&Server::sandbox().await, "checkout")
    }

    /// The same service, by way of another token.
    pub fn with_token(&self, token: &str) -> Vault {
        Vault::connect(&connection(self.server.url()), token.to_owned().into()).unwrap()
    }

    pub fn owner(&self, number: u128) -> Owner {
        Owner {
            installation: INSTALLATION,
            service: self.service.clone(),
            run: run(number),
        }
    }

    pub fn path(&self) -> SecretPath {
        SecretPath::environment(&self.service, Environment::Dev)
    }

    pub fn name(&self) -> VaultName {
        VaultName::environment(&self.service, Environment::Dev)
    }

    pub fn secret_path(&self) -> Operation {
        Operation::VaultSecretPath { path: self.path() }
    }

    pub fn policy(&self) -> Operation {
        Operation::VaultPolicy {
            policy: self.name(),
            path: self.path(),
        }
    }

    pub fn kubernetes(&self) -> Operation {
        Operation::VaultKubernetesRole {
            role: self.name(),
            policy: self.name(),
            namespace: KubernetesName::namespace(&self.service, Environment::Dev),
            service_account: KubernetesName::fixed("workload"),
        }
    }

    pub fn approle(&self) -> Operation {
        Operation::VaultAppRole {
            role: self.name(),
            policy: self.name(),
        }
    }

    pub fn operation(&self, which: usize) -> Operation {
        [
            self.secret_path(),
            self.policy(),
            self.kubernetes(),
            self.approle(),
        ][which]
            .clone()
    }

    /// Where an operation's resource is.
    pub fn target(&self, operation: &Operation) -> String {
        match operation {
            Operation::VaultSecretPath { path } => format!("secret/metadata/{path}"),
            Operation::VaultPolicy { policy, .. } => format!("sys/policies/acl/{policy}"),
            Operation::VaultKubernetesRole { role, .. } => format!("auth/kubernetes/role/{role}"),
            Operation::VaultAppRole { role, .. } => format!("auth/approle/role/{role}"),
            other => panic!("{other:?} is not of Vault"),
        }
    }

    /// Puts somebody else's in the place of an operation's resource.
    pub async fn occupy(&self, operation: &Operation) {
        let target = self.target(operation);
        match operation {
            Operation::VaultSecretPath { path } => {
                let body = json!({"data": {"password": "theirs"}});
                self.post(&format!("secret/data/{path}"), body).await;
                self.post(&target, json!({"custom_metadata": {"team": "ledger"}}))
                    .await;
            }
            Operation::VaultPolicy { .. } => {
                let text = "# Ours.\npath \"secret/data/ledger\" { capabilities = [\"read\"] }\n";
                self.post(&target, json!({ "policy": text })).await;
            }
            Operation::VaultKubernetesRole { .. } => {
                let body = json!({"bound_service_account_names": ["theirs"], "token_policies": ["theirs"],
                                  "bound_service_account_namespaces": ["theirs"]});
                self.post(&target, body).await;
            }
            _ => {
                self.post(&target, json!({"token_policies": ["theirs"]})).await;
            }
        }
    }

    pub async fn call(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let call = self.raw.call(method, format!("/v1/{path}"));
        let call = if body.is_null() { call } else { call.json(&body) };
        let answer = call.send().await.unwrap();
        let body = serde_json::from_slice(&answer.body).unwrap_or_default();
        (answer.status.as_u16(), body)
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(Method::POST, path, body).await;
        assert!(status < 300, "{path}: {status} {answer}");
        answer
    }

    /// The data at a path; null where nothing is.
    pub async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.call(Method::GET, path, Value::Null).await;
        if status == 404 {
            Value::Null
        } else {
            answer["data"].clone()
        }
    }

    pub async fn there(&self, operation: &Operation) -> Value {
        self.get(&self.target(operation)).await
    }
}
