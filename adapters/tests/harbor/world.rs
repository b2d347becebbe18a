//! A Harbor of its own, an adapter on it, and a store of secrets.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Method, header};
use opstella_adapters::harbor::Harbor;
use opstella_adapters::{Removal, Removed, StepContext, ToolAdapter};
use opstella_domain::naming::{RegistryProject, SecretPath};
use opstella_domain::operation::Operation;
use opstella_domain::resource::{Provenance, StepOutcome};
use opstella_domain::tool_connection::{Connection, ToolSettings};
use opstella_sandbox::{Request, Sandbox, SandboxOptions, SandboxTool, credentials};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::support::Memory;
pub use crate::support::service;

pub const PROJECT: &str = "payments_checkout";
pub const ROBOT: &str = "robot$payments_checkout+opstella";
pub const KEEP: u32 = 20;

pub struct World {
    pub sandbox: Sandbox,
    pub tool: Arc<opstella_sandbox::Harbor>,
    pub adapter: Harbor,
    pub secrets: Arc<Memory>,
}

pub fn secret_path() -> SecretPath {
    SecretPath::robot(&service())
}

pub fn project() -> Operation {
    Operation::HarborProject {
        project: RegistryProject::of(&service()),
    }
}

pub fn robot() -> Operation {
    Operation::HarborRobot {
        project: RegistryProject::of(&service()),
        secret: secret_path(),
    }
}

pub fn retention() -> Operation {
    Operation::HarborRetention {
        project: RegistryProject::of(&service()),
        keep: KEEP,
    }
}

pub fn connection(url: String) -> Connection {
    Connection {
        url: url.try_into().unwrap(),
        credential: "harbor".parse().unwrap(),
        settings: ToolSettings::default(),
    }
}

pub fn admin() -> String {
    format!("{}:{}", credentials::HARBOR_USER, credentials::HARBOR_PASSWORD)
}

impl World {
    pub async fn new() -> Self {
        let tool = Arc::new(opstella_sandbox::Harbor::new(
            credentials::HARBOR_USER,
            credentials::HARBOR_PASSWORD,
        ));
        let options = SandboxOptions {
            tools: vec![tool.clone()],
            record_exchanges: true,
            keycloak: None,
            ..SandboxOptions::default()
        };
        let sandbox = Sandbox::start(options).await.unwrap();
        let connection = connection(sandbox.tool_url("harbor"));
        let adapter = Harbor::connect(&connection, SecretString::from(admin())).unwrap();
        let secrets = Arc::default();
        Self {
            sandbox,
            tool,
            adapter,
            secrets,
        }
    }

    pub fn context(&self, number: u128) -> StepContext {
        crate::support::context(number, &self.secrets)
    }

    pub async fn ensure(&self, operation: &Operation, number: u128) -> StepOutcome {
        let context = self.context(number);
        self.adapter.ensure(operation, &context).await.unwrap()
    }

    pub async fn adopt(&self, operation: &Operation, number: u128) -> Provenance {
        let context = StepContext {
            adopt: true,
            ..self.context(number)
        };
        self.adapter.ensure(operation, &context).await.unwrap().provenance
    }

    pub async fn remove(&self, operation: &Operation, number: u128, removal: Removal) -> Removed {
        let context = StepContext {
            removal,
            ..self.context(number)
        };
        self.adapter.remove(operation, &context).await.unwrap()
    }

    /// The project, by run 1, unless the operation is it.
    pub async fn ground(&self, operation: &Operation) {
        if *operation != project() {
            self.ensure(&project(), 1).await;
        }
    }

    /// Puts somebody else's in the place of an operation's resource; in our project, where it belongs in one.
    pub async fn occupy(&self, operation: &Operation) {
        self.ground(operation).await;
        self.occupy_in(operation);
    }

    /// The same in the project that is there.
    pub fn occupy_in(&self, operation: &Operation) {
        match operation {
            Operation::HarborProject { .. } => {
                self.raw("POST", "/projects", json!({ "project_name": PROJECT }));
            }
            Operation::HarborRobot { .. } => {
                let access = json!([{ "resource": "repository", "action": "pull" }]);
                let permission = json!({ "kind": "project", "namespace": PROJECT, "access": access });
                let body = json!({ "name": "opstella", "level": "project", "duration": 30,
                                   "description": "Ours.", "permissions": [permission] });
                self.raw("POST", "/robots", body);
            }
            _ => {
                let scope = json!({ "level": "project", "ref": self.project_id() });
                let body = json!({ "algorithm": "or", "rules": [], "scope": scope, "trigger": { "kind": "Schedule" } });
                self.raw("POST", "/retentions", body);
            }
        }
    }

    /// A call of somebody else's; status and body.
    pub fn as_user(&self, user: &str, method: &str, target: &str, body: &Value) -> (u16, Value) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let basic = format!("Basic {}", STANDARD.encode(user));
        let reply = self.tool.handle(&Request {
            method: Method::from_bytes(method.as_bytes()).unwrap(),
            path: format!("/api/v2.0{path}"),
            query: url::form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
            headers: HeaderMap::from_iter([(header::AUTHORIZATION, basic.parse().unwrap())]),
            body: body.to_string().into(),
            base_url: self.sandbox.tool_url("harbor"),
        });
        let body = serde_json::from_slice(&reply.body).unwrap_or_default();
        (reply.status.as_u16(), body)
    }

    /// A call of an administrator's that succeeds.
    #[track_caller]
    pub fn raw(&self, method: &str, target: &str, body: Value) -> Value {
        let (status, answer) = self.as_user(&admin(), method, target, &body);
        assert!(status < 300, "{method} {target}: {status} {answer}");
        answer
    }

    #[track_caller]
    pub fn get(&self, target: &str) -> Value {
        self.raw("GET", target, Value::Null)
    }

    pub fn project_id(&self) -> i64 {
        self.get(&format!("/projects/{PROJECT}"))["project_id"]
            .as_i64()
            .unwrap()
    }

    pub fn robots(&self) -> Value {
        self.get(&format!(
            "/robots?q=Level=project,ProjectID={}",
            self.project_id()
        ))
    }

    pub fn labels(&self) -> Value {
        self.get(&format!("/labels?scope=p&project_id={}", self.project_id()))
    }

    pub fn policy(&self) -> Value {
        let project = self.get(&format!("/projects/{PROJECT}"));
        let id = project["metadata"]["retention_id"].as_str().unwrap_or_default();
        self.get(&format!("/retentions/{id}"))
    }

    /// All that there is to the project.
    pub fn whole(&self) -> Value {
        let project = self.get(&format!("/projects/{PROJECT}"));
        let policy = project["metadata"]["retention_id"].is_string();
        let policy = if policy { self.policy() } else { Value::Null };
        json!([project, self.robots(), self.labels(), policy])
    }

    pub fn kept(&self, field: &str) -> Option<String> {
        let all = self.secrets.0.lock().unwrap();
        let fields = all.get(secret_path().as_str())?;
        Some(fields.get(field)?.expose_secret().to_owned())
    }

    /// Whether Harbor takes the kept credential: it knows the robot then, which may not read projects.
    pub fn kept_works(&self) -> bool {
        let Some((name, password)) = self.kept("username").zip(self.kept("password")) else {
            return false;
        };
        let user = format!("{name}:{password}");
        let (status, _) = self.as_user(&user, "GET", &format!("/projects/{PROJECT}"), &Value::Null);
        status == 403
    }
}
