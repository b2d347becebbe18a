//! A GitLab of its own and an adapter on it.

use std::sync::Arc;

use http::Method;
use opstella_adapters::gitlab::GitLab;
use opstella_adapters::http::{Credential, ToolHttp, segment};
use opstella_adapters::{StepContext, ToolAdapter};
use opstella_domain::Tool;
use opstella_sandbox::{Sandbox, SandboxOptions, credentials};
use serde_json::{Value, json};

use crate::operations::{REPOSITORY, group, repository, robot_secret};
use crate::support::sweep::Sandboxed;
use crate::support::{Driven, Memory, Templates, connection};

pub const ROBOT_NAME: &str = "robot$payments_checkout+opstella";
pub const ROBOT_PASSWORD: &str = "Sup3rS3cretOfTheRobot";

pub struct World {
    pub sandbox: Sandbox,
    pub adapter: GitLab,
    pub secrets: Arc<Memory>,
    pub templates: Templates,
    raw: ToolHttp,
}

impl Driven for World {
    fn adapter(&self) -> &dyn ToolAdapter {
        &self.adapter
    }

    fn context(&self, number: u128) -> StepContext {
        let context = crate::support::context(number, &self.secrets);
        StepContext {
            templates: Arc::new(Templates(Arc::clone(&self.templates.0))),
            ..context
        }
    }
}

impl Sandboxed for World {
    fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }
}

pub fn connect(url: &str, token: &str) -> GitLab {
    GitLab::connect(&connection(url), token.to_owned().into()).unwrap()
}

impl World {
    pub async fn new() -> Self {
        let options = SandboxOptions {
            record_exchanges: true,
            keycloak: None,
            ..SandboxOptions::default()
        };
        let sandbox = Sandbox::start(options).await.unwrap();
        let url = sandbox.tool_url("gitlab");
        let token = Credential::Header("PRIVATE-TOKEN", credentials::GITLAB_TOKEN.to_owned().into());
        let secrets: Arc<Memory> = Arc::default();
        let robot = [("username", ROBOT_NAME), ("password", ROBOT_PASSWORD)];
        secrets.keep(&robot_secret(), &robot);
        Self {
            adapter: connect(&url, credentials::GITLAB_TOKEN),
            raw: ToolHttp::new(Tool::GitLab, &url, token).unwrap(),
            sandbox,
            secrets,
            templates: Templates::of(&[
                (".gitlab-ci.yml", "stages: [build]\n"),
                ("README.md", "# {{ component }}\n"),
                ("deploy/{{ environment }}/values.yaml", "image: {{ image }}\n"),
                ("deploy/{{ environment }}/app.yaml", "in: {{ namespace }}\n"),
            ]),
        }
    }

    /// With the group and the repository, made by a run.
    pub async fn with_repository(number: u128) -> Self {
        let world = Self::new().await;
        world.ensure(&group(), number).await;
        world.ensure(&repository(), number).await;
        world
    }

    /// With what the operation needs to be there first, made by a run.
    pub async fn before(operation: &opstella_domain::operation::Operation, number: u128) -> Self {
        if *operation == group() {
            return Self::new().await;
        }
        if *operation == repository() {
            let world = Self::new().await;
            world.ensure(&group(), number).await;
            // Somebody is in the group: nobody who unwinds takes it away.
            let id = world.get("groups/payments").await["id"].clone();
            let body = json!({"name": "ledger_api", "path": "ledger_api", "namespace_id": id});
            world.post("projects", body).await;
            return world;
        }
        Self::with_repository(number).await
    }

    /// With a repository of somebody else's, in our group, that this service adopted.
    pub async fn with_adopted_repository() -> Self {
        let world = Self::before(&repository(), 9).await;
        world.foreign_repository().await;
        world.adopt(&repository(), 9).await;
        world
    }

    pub async fn foreign_repository(&self) {
        let group = self.get("groups/payments").await["id"].clone();
        let body = json!({"name": "checkout_api", "path": "checkout_api", "namespace_id": group,
                          "description": "Ours.", "initialize_with_readme": true});
        self.post("projects", body).await;
    }

    pub async fn call(&self, method: Method, path: &str, body: Value) -> Value {
        let call = self.raw.call(method, format!("/api/v4/{path}"));
        let call = if body.is_null() { call } else { call.json(&body) };
        let answer = call.send().await.unwrap().success().unwrap();
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    pub async fn get(&self, path: &str) -> Value {
        self.call(Method::GET, path, Value::Null).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        self.call(Method::POST, path, body).await
    }

    /// A path below the repository.
    pub fn at(path: &str) -> String {
        format!("projects/{}/{path}", segment(REPOSITORY))
    }

    pub async fn inside(&self, path: &str) -> Value {
        self.get(&Self::at(path)).await
    }

    pub async fn put_inside(&self, path: &str, body: Value) -> Value {
        self.call(Method::PUT, &Self::at(path), body).await
    }

    pub async fn post_inside(&self, path: &str, body: Value) -> Value {
        self.post(&Self::at(path), body).await
    }

    /// Somebody commits.
    pub async fn commit(&self, actions: Value) {
        let body = json!({"branch": "main", "commit_message": "Ours", "actions": actions});
        self.post_inside("repository/commits", body).await;
    }

    /// The messages of all commits, newest first.
    pub async fn messages(&self) -> Vec<String> {
        let commits = self.inside("repository/commits?per_page=100").await;
        let message = |commit: &Value| commit["message"].as_str().unwrap().to_owned();
        commits.as_array().unwrap().iter().map(message).collect()
    }

    /// The paths of the files, sorted; at most 100.
    pub async fn files(&self) -> Vec<String> {
        let tree = self.inside("repository/tree?recursive=true&per_page=100").await;
        let blobs = tree.as_array().unwrap().iter().filter(|e| e["type"] == "blob");
        blobs.map(|e| e["path"].as_str().unwrap().to_owned()).collect()
    }

    pub async fn content(&self, path: &str) -> String {
        let at = Self::at(&format!("repository/files/{}/raw", segment(path)));
        let call = self.raw.get(format!("/api/v4/{at}"));
        let answer = call.send().await.unwrap().success().unwrap();
        String::from_utf8(answer.body.to_vec()).unwrap()
    }

    /// All that there is to the group and the repository, as far as it is there.
    pub async fn whole(&self) -> Value {
        let state = self.sandbox.state()["gitlab"].clone();
        let mut parts = vec![state.clone()];
        if !state["groups"].is_null() {
            parts.push(self.get("groups/payments?with_projects=false").await);
        }
        if state["projects"]
            .as_array()
            .is_some_and(|p| p.contains(&REPOSITORY.into()))
        {
            parts.push(self.get(&format!("projects/{}", segment(REPOSITORY))).await);
            for kind in [
                "environments",
                "variables",
                "hooks",
                "protected_branches",
                "repository/commits",
            ] {
                parts.push(self.inside(&format!("{kind}?per_page=100")).await);
            }
        }
        parts.into()
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
