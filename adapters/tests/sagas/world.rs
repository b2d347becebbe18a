//! A sandbox, a database of the test's own, and processes that come and go on them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use opstella_adapters::engine::{Engine, EngineOptions, InProcess, ToolLimits};
use opstella_adapters::registry::Registry;
use opstella_adapters::{Toolbox, builtin, installation};
use opstella_commands::{
    Authenticated, CommandContext, CommandOptions, Commands, ComponentRequest, ConnectTool, CreateProject,
    CreateService, RegisterTemplate,
};
use opstella_devservers::postgres::{TestDatabase, test_database};
use opstella_domain::plan::Plan;
use opstella_domain::run::{Run, RunStatus};
use opstella_domain::tool_connection::{Connection, ConnectionKey, ToolSettings};
use opstella_domain::{Environment, EnvironmentSet, InstallationId, RunId, ServiceKey, Tool};
use opstella_journal::{Journal, JournalOptions};
use opstella_sandbox::{Sandbox, SandboxOptions, Tools, credentials};
use sqlx::postgres::PgPoolOptions;

use crate::saboteur::{Plans, Saboteur};

pub const SERVICE: &str = "checkout";
/// What DEV runs, as its repository says.
const OVERLAY: &str = "deploy/dev/kustomization.yaml";
const PATIENCE: Duration = Duration::from_secs(120);

pub struct World {
    pub sandbox: Arc<Sandbox>,
    pub tools: Tools,
    pub plans: Plans,
    database: TestDatabase,
}

/// What one process of Opstella holds.
pub struct Process {
    pub commands: Commands,
    pub engine: Engine,
    pub installation: InstallationId,
    pub tools: Tools,
    sandbox_url: String,
}

/// The connection to a tool that answers under this URL.
pub fn connection(tool: Tool, url: &str) -> Connection {
    Connection {
        url: url.to_owned().try_into().unwrap(),
        credential: tool.slug().parse().unwrap(),
        settings: ToolSettings::default(),
    }
}

pub fn context() -> CommandContext {
    CommandContext {
        idempotency: None,
        ..CommandContext::system("test", "test")
    }
}

pub fn key(project: &str) -> ServiceKey {
    ServiceKey {
        project: project.parse().unwrap(),
        service: SERVICE.parse().unwrap(),
    }
}

impl World {
    pub async fn new() -> Self {
        let tools = Tools::default();
        let options = SandboxOptions {
            tools: tools.list(),
            ..SandboxOptions::default()
        };
        let sandbox = Arc::new(Sandbox::start(options).await.unwrap());
        Self::on(sandbox, tools).await
    }

    /// Another Opstella, with a database of its own, on the same tools.
    pub async fn beside(&self) -> Self {
        Self::on(Arc::clone(&self.sandbox), self.tools.clone()).await
    }

    async fn on(sandbox: Arc<Sandbox>, tools: Tools) -> Self {
        let world = Self {
            sandbox,
            tools,
            plans: Plans::default(),
            database: test_database().await.unwrap(),
        };
        let process = world.process(false).await;
        world.connect_tools(&process.commands).await;
        process.end().await;
        world
    }

    /// A process on this world; `twice` carries every step out twice.
    pub async fn process(&self, twice: bool) -> Process {
        let pool = PgPoolOptions::new()
            .max_connections(8)
            .connect(&self.database.url)
            .await
            .unwrap();
        opstella_journal::migrate(&pool).await.unwrap();
        let installation = installation::stored(&pool).await.unwrap();
        let options = JournalOptions {
            max_event_bytes: 2 << 20,
            ..JournalOptions::default()
        };
        let journal = Journal::open(pool, options).await.unwrap();
        let options = CommandOptions {
            public_url: "http://opstella.example".into(),
            deploy_wait_minutes: 15,
            connection: "main".parse().unwrap(),
        };
        let commands = Commands::new(journal.clone(), Arc::new(Authenticated), options);
        let secrets = [
            ("gitlab", credentials::GITLAB_TOKEN.to_owned()),
            (
                "harbor",
                format!("{}:{}", credentials::HARBOR_USER, credentials::HARBOR_PASSWORD),
            ),
            ("vault", credentials::VAULT_TOKEN.to_owned()),
            ("sonarqube", credentials::SONARQUBE_TOKEN.to_owned()),
            ("kubernetes", credentials::KUBERNETES_TOKEN.to_owned()),
            ("argocd", credentials::ARGOCD_TOKEN.to_owned()),
        ];
        let secrets = secrets
            .into_iter()
            .map(|(name, secret)| (name.parse().unwrap(), secret.into()));
        let registry: Arc<dyn Toolbox> = Registry::new(journal, secrets.collect());
        let options = EngineOptions {
            backoff_first: Duration::from_millis(10),
            backoff_longest: Duration::from_millis(40),
            lease_interval: Duration::from_millis(50),
            step_timeout: Duration::from_secs(30),
            limits: Tool::all()
                .map(|tool| {
                    let limits = ToolLimits {
                        circuit_failures: u32::MAX,
                        // Steps that wait for their sabotage must not keep others from going on.
                        concurrency: 256,
                        // Nor must a step that is told to wait.
                        hold_longest: Duration::ZERO,
                        ..ToolLimits::default()
                    };
                    (tool, limits)
                })
                .collect(),
            ..EngineOptions::default()
        };
        let inner = InProcess::new(registry, installation, options.step_timeout);
        let executor = Saboteur {
            inner,
            plans: self.plans.clone(),
            twice,
        };
        Process {
            engine: Engine::with_executor(commands.clone(), Arc::new(executor), options),
            commands,
            installation,
            tools: self.tools.clone(),
            sandbox_url: self.sandbox.url().to_owned(),
        }
    }

    async fn connect_tools(&self, commands: &Commands) {
        for tool in Tool::all() {
            let connection = connection(tool, &self.sandbox.tool_url(tool.slug()));
            let key = ConnectionKey {
                tool,
                name: "main".parse().unwrap(),
            };
            commands
                .connect_tool(&context(), ConnectTool { key, connection })
                .await
                .unwrap();
        }
        for template in builtin::templates().unwrap() {
            let request = RegisterTemplate {
                template: template.template,
                description: template.description,
                files: template.files,
            };
            commands.register_template(&context(), request).await.unwrap();
        }
    }

    /// Everything that exists in the tools: `tool/kind/name`, sorted.
    pub fn everything(&self) -> Vec<String> {
        let state = self.sandbox.state();
        let mut lines = Vec::new();
        for (tool, kinds) in state.as_object().unwrap() {
            for (kind, names) in kinds.as_object().unwrap() {
                for name in names.as_array().unwrap() {
                    let name = name.as_str().map_or_else(|| name.to_string(), str::to_owned);
                    // Harbor numbers its retention policies.
                    let name = if kind == "retentions" {
                        name.trim_end_matches(|c: char| c.is_ascii_digit())
                    } else {
                        &name
                    };
                    lines.push(format!("{tool}/{kind}/{}", without_runs(name)));
                }
            }
        }
        lines.extend(self.environments(&state));
        lines.sort();
        lines
    }

    /// What DEV runs, as each tool says it.
    fn environments(&self, state: &serde_json::Value) -> Vec<String> {
        let names = |tool: &str, kind: &str| -> Vec<String> {
            let names = state[tool][kind].as_array().into_iter().flatten();
            names.map(|name| name.as_str().unwrap().to_owned()).collect()
        };
        let mut lines = Vec::new();
        for path in names("gitlab", "projects") {
            let overlay = self.tools.gitlab.file(&path, OVERLAY);
            lines.extend(overlay.map(|text| format!("gitlab/overlay/{path}: {text:?}")));
        }
        for repository in names("harbor", "repositories") {
            let (project, name) = repository.split_once('/').unwrap();
            let tagged = self.tools.harbor.tagged(project, name, "dev");
            lines.extend(tagged.map(|digest| format!("harbor/dev/{repository}: {digest}")));
        }
        for name in names("argocd", "applications") {
            // One of another try may have gone since.
            let standing = self.tools.argocd.standing(&name);
            lines.extend(standing.map(|standing| format!("argocd/standing/{name}: {standing:?}")));
        }
        lines
    }

    /// The overlay of DEV of a project's `api`.
    pub fn overlay(&self, project: &str) -> String {
        self.tools
            .gitlab
            .file(&format!("{project}/checkout_api"), OVERLAY)
            .unwrap()
    }

    /// The messages of all commits to a project's `api`, newest first.
    pub fn commits(&self, project: &str) -> Vec<String> {
        let messages = self.tools.gitlab.messages(&format!("{project}/checkout_api"));
        messages.iter().map(|message| without_runs(message)).collect()
    }

    /// Somebody commits another overlay of DEV.
    pub async fn commit_overlay(&self, project: &str, text: &str) {
        let path = OVERLAY.replace('/', "%2F");
        let url = self.sandbox.tool_url("gitlab");
        let url = format!("{url}/api/v4/projects/{project}%2Fcheckout_api/repository/files/{path}");
        let body = serde_json::json!({ "branch": "main", "commit_message": "Ours", "content": text });
        let call = reqwest::Client::new()
            .put(url)
            .bearer_auth(credentials::GITLAB_TOKEN);
        let call = call
            .header("content-type", "application/json")
            .body(body.to_string());
        assert!(call.send().await.unwrap().status().is_success());
    }

    /// Waits until something holds.
    pub async fn until(&self, holds: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds() {
            assert!(Instant::now() < deadline, "it never held");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// What a project has in the tools, with its name made neutral.
    pub fn of(&self, project: &str) -> Vec<String> {
        let mut lines: Vec<_> = self
            .everything()
            .into_iter()
            .filter(|l| l.contains(project))
            .collect();
        lines.iter_mut().for_each(|l| *l = l.replace(project, "PROJECT"));
        lines.sort();
        lines
    }
}

impl Process {
    pub fn tool_url(&self, tool: Tool) -> String {
        format!("{}/{}", self.sandbox_url, tool.slug())
    }

    pub async fn end(self) {
        let journal = self.commands.journal().clone();
        self.engine.shutdown().await;
        journal.close().await;
    }

    /// Stops the engine; what is asked for waits for another one.
    pub async fn without_engine(self) -> Commands {
        self.engine.shutdown().await;
        self.commands
    }

    pub async fn create_project(&self, project: &str) {
        let request = CreateProject {
            slug: project.parse().unwrap(),
            name: project.into(),
            description: None,
            owner: "alice".parse().unwrap(),
        };
        self.commands.create_project(&context(), request).await.unwrap();
    }

    pub fn creation(project: &str) -> CreateService {
        CreateService {
            key: key(project),
            components: vec![component("api")],
            environments: EnvironmentSet::only(Environment::Dev),
            owner: "alice".parse().unwrap(),
            adopt: false,
        }
    }

    /// Asks for the service; its run.
    pub async fn create(&self, project: &str) -> RunId {
        let accepted = self
            .commands
            .create_service(&context(), Self::creation(project))
            .await
            .unwrap();
        accepted.run.unwrap()
    }

    /// Waits until the run has ended or is stuck.
    pub async fn settled(&self, run: RunId) -> Arc<Run> {
        let settled = |state: &Run| state.status.ended() || matches!(state.status, RunStatus::Stuck { .. });
        self.until(run, settled).await
    }

    /// Waits until the run is so.
    pub async fn until(&self, run: RunId, so: impl Fn(&Run) -> bool) -> Arc<Run> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let state = self.commands.load_run(run).await.unwrap().state;
            if so(&state) {
                return state;
            }
            assert!(
                Instant::now() < deadline,
                "run {run} is {:?}: {:#?}",
                state.status,
                unfinished(&state)
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub async fn succeeds(&self, run: RunId) -> Arc<Run> {
        let state = self.settled(run).await;
        let on = &state.stuck_on;
        assert_eq!(state.status, RunStatus::Succeeded, "{}{on:?}", state.cause_text());
        state
    }
}

fn unfinished(run: &Run) -> BTreeMap<String, String> {
    run.steps
        .iter()
        .filter(|(_, s)| !matches!(s.phase, opstella_domain::run::StepPhase::Succeeded))
        .map(|(id, s)| (id.to_string(), format!("{s:?}")))
        .collect()
}

/// A name with ids of runs made neutral.
fn without_runs(name: &str) -> String {
    const LENGTH: usize = 36;
    let is_id = |at: usize| {
        name.get(at..at + LENGTH)
            .is_some_and(|part| uuid::Uuid::try_parse(part).is_ok())
    };
    match (0..name.len()).find(|at| is_id(*at)) {
        Some(at) => format!("{}RUN{}", &name[..at], without_runs(&name[at + LENGTH..])),
        None => name.to_owned(),
    }
}

pub fn component(name: &str) -> ComponentRequest {
    ComponentRequest {
        name: name.parse().unwrap(),
        template: "http-service".parse().unwrap(),
        version: None,
    }
}

pub fn step_ids(plan: &Plan) -> Vec<String> {
    plan.steps().iter().map(|s| s.id.to_string()).collect()
}
