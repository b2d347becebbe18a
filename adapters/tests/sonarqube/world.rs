//! A SonarQube of its own, an adapter on it, and the operations of one component.

use std::sync::Arc;

use opstella_adapters::http::{Credential, ToolHttp};
use opstella_adapters::sonarqube::SonarQube;
use opstella_adapters::{StepContext, ToolAdapter};
use opstella_domain::naming::{QualityKey, SecretPath};
use opstella_domain::operation::Operation;
use opstella_domain::{ComponentName, Tool};
use opstella_sandbox::{Sandbox, SandboxOptions, Tools, credentials};
use serde_json::{Value, json};

use crate::support::sweep::Sandboxed;
use crate::support::{Driven, Memory, connection, service};

pub const KEY: &str = "payments:checkout:api";
pub const GATE: &str = "Strict";
pub const URL: &str = "https://opstella.example/api/v1/webhooks/sonarqube";

pub struct World {
    pub sandbox: Sandbox,
    pub tool: Arc<opstella_sandbox::SonarQube>,
    pub adapter: SonarQube,
    pub secrets: Arc<Memory>,
    raw: ToolHttp,
}

impl Driven for World {
    fn adapter(&self) -> &dyn ToolAdapter {
        &self.adapter
    }

    fn context(&self, number: u128) -> StepContext {
        crate::support::context(number, &self.secrets)
    }
}

impl Sandboxed for World {
    fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }
}

fn component() -> ComponentName {
    "api".parse().unwrap()
}

pub fn key() -> QualityKey {
    QualityKey::of(&service(), &component())
}

pub fn token_path() -> SecretPath {
    SecretPath::analysis_token(&service(), &component())
}

pub fn webhook_path() -> SecretPath {
    SecretPath::webhook(&service(), &component(), "sonarqube")
}

pub fn project() -> Operation {
    Operation::SonarProject { key: key() }
}

pub fn gate() -> Operation {
    Operation::SonarQualityGate {
        key: key(),
        gate: GATE.into(),
    }
}

pub fn token() -> Operation {
    Operation::SonarToken {
        key: key(),
        secret: token_path(),
    }
}

pub fn webhook_to(url: &str) -> Operation {
    Operation::SonarWebhook {
        key: key(),
        url: url.into(),
        secret: webhook_path(),
    }
}

pub fn webhook() -> Operation {
    webhook_to(URL)
}

pub fn all() -> [Operation; 4] {
    [project(), gate(), token(), webhook()]
}

pub fn connect(url: &str, token: &str) -> SonarQube {
    SonarQube::connect(&connection(url), token.to_owned().into()).unwrap()
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
        let url = sandbox.tool_url("sonarqube");
        let bearer = Credential::Bearer(credentials::SONARQUBE_TOKEN.to_owned().into());
        let world = Self {
            adapter: connect(&url, credentials::SONARQUBE_TOKEN),
            raw: ToolHttp::new(Tool::SonarQube, &url, bearer).unwrap(),
            sandbox,
            tool: tools.sonarqube,
            secrets: Arc::default(),
        };
        world.post("qualitygates/create", &[("name", GATE)]).await;
        world
    }

    /// With the project, by a run, unless the operation is it.
    pub async fn before(operation: &Operation, number: u128) -> Self {
        let world = Self::new().await;
        if *operation != project() {
            world.ensure(&project(), number).await;
        }
        world
    }

    /// With somebody else's project.
    pub async fn occupied() -> Self {
        let world = Self::new().await;
        world
            .post("projects/create", &[("project", KEY), ("name", "Ours")])
            .await;
        world
            .post("project_tags/set", &[("project", KEY), ("tags", "java,team-a")])
            .await;
        world
    }

    /// With somebody else's in the place of an operation's resource.
    pub async fn with_foreign(operation: &Operation) -> Self {
        if *operation == project() {
            return Self::occupied().await;
        }
        let world = Self::before(operation, 9).await;
        world.hook("Theirs", URL).await;
        world
    }

    pub async fn hook(&self, name: &str, url: &str) {
        let pairs = [("name", name), ("url", url), ("project", KEY)];
        self.post("webhooks/create", &pairs).await;
    }

    pub async fn post(&self, action: &str, pairs: &[(&str, &str)]) {
        let call = self.raw.post(format!("/api/{action}")).form(pairs);
        call.send().await.unwrap().success().unwrap();
    }

    pub async fn get(&self, action: &str) -> Value {
        let answer = self.raw.get(format!("/api/{action}")).send().await.unwrap();
        answer
            .found()
            .unwrap()
            .map_or(Value::Null, |answer| answer.json().unwrap())
    }

    pub async fn project(&self) -> Value {
        self.get(&format!("components/show?component={KEY}")).await["component"].clone()
    }

    pub async fn gate(&self) -> Value {
        self.get(&format!("qualitygates/get_by_project?project={KEY}"))
            .await["qualityGate"]
            .clone()
    }

    pub async fn tokens(&self) -> Value {
        self.get("user_tokens/search").await["userTokens"].clone()
    }

    pub async fn hooks(&self) -> Value {
        self.get(&format!("webhooks/list?project={KEY}")).await["webhooks"].clone()
    }

    /// All that there is to the project.
    pub async fn whole(&self) -> Value {
        json!([
            self.project().await,
            self.gate().await,
            self.tokens().await,
            self.hooks().await
        ])
    }
}
