//! Realistic histories, decided by the domain.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use opstella_domain::access::ProjectRole;
use opstella_domain::plan::{
    Plan, SagaKind, StepId, Targets, plan_add_component, plan_decommission, plan_provision,
};
use opstella_domain::project::{Project, ProjectCommand};
use opstella_domain::resource::{ExternalResource, Provenance, StepOutcome};
use opstella_domain::run::{FailureClass, Run, RunCommand, RunStatus, Work};
use opstella_domain::service::{ComponentSpec, Service, ServiceCommand};
use opstella_domain::subscription::{Settings, Subscription, SubscriptionCommand};
use opstella_domain::template::{Template, TemplateCommand, TemplateRef};
use opstella_domain::tool_connection::{
    Connection, ToolConnection, ToolConnectionCommand, ToolSettings, ToolUrl,
};
use opstella_domain::{EnvironmentSet, RunId, ServiceKey, Tool};
use opstella_journal::Position;
use uuid::Uuid;

use crate::support::World;

/// What a tool answers.
#[derive(Clone)]
pub enum Answer {
    Done(Provenance),
    Fails(FailureClass),
}

pub const CREATED: Answer = Answer::Done(Provenance::Created);

pub fn at() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 123_456_789).unwrap()
}

pub fn key(text: &str) -> ServiceKey {
    text.parse().unwrap()
}

pub fn component(name: &str) -> ComponentSpec {
    let template = TemplateRef {
        name: "http-service".parse().unwrap(),
        version: "1.10.0".parse().unwrap(),
    };
    ComponentSpec {
        name: name.parse().unwrap(),
        template,
    }
}

pub fn environments(names: &[&str]) -> EnvironmentSet {
    let list: Vec<_> = names.iter().map(|name| name.parse().unwrap()).collect();
    list.try_into().unwrap()
}

pub fn targets() -> Targets {
    let mut targets = Targets {
        connection: "main".parse().unwrap(),
        tools: BTreeMap::new(),
        public_url: "https://opstella.example".into(),
        deploy_wait_minutes: 15,
    };
    for tool in Tool::all() {
        targets.insert(tool, &connection(tool, "tools"));
    }
    targets
}

pub fn connection(tool: Tool, host: &str) -> Connection {
    Connection {
        url: ToolUrl::try_from(format!("https://{tool}.{host}.example/")).unwrap(),
        credential: "main".parse().unwrap(),
        settings: ToolSettings::default(),
    }
}

impl World {
    pub async fn project(&self, slug: &str) -> Position {
        let command = ProjectCommand::Create {
            slug: slug.parse().unwrap(),
            name: format!("Project {slug}"),
            description: Some("what\u{0}for".into()),
            owner: "alice".parse().unwrap(),
        };
        self.send::<Project>(slug, command).await
    }

    pub async fn role(&self, slug: &str, give: bool, member: &str, role: ProjectRole) -> Position {
        let (project, member) = (slug.parse().unwrap(), member.parse().unwrap());
        let command = if give {
            ProjectCommand::GrantRole {
                slug: project,
                member,
                role,
            }
        } else {
            ProjectCommand::RevokeRole {
                slug: project,
                member,
                role,
            }
        };
        self.send::<Project>(slug, command).await
    }

    pub async fn template(&self, version: &str) -> Position {
        let files = BTreeMap::from([("README.md".to_owned(), version.to_owned())]);
        let command = TemplateCommand::Register {
            template: TemplateRef {
                name: "http-service".parse().unwrap(),
                version: version.parse().unwrap(),
            },
            description: format!("A small HTTP service, {version}"),
            files: files.try_into().unwrap(),
        };
        self.send::<Template>("http-service", command).await
    }

    pub async fn connect(&self, tool: Tool, host: &str) -> Position {
        let id = format!("{tool}/main");
        let command = ToolConnectionCommand::Connect {
            key: id.parse().unwrap(),
            connection: connection(tool, host),
        };
        self.send::<ToolConnection>(&id, command).await
    }

    pub async fn subscribe(&self, id: &str, pattern: &str) -> Position {
        let command = SubscriptionCommand::Create {
            key: id.parse().unwrap(),
            settings: Settings {
                url: "https://chat.example/hook".parse().unwrap(),
                events: [pattern.parse().unwrap()].into(),
            },
            plain_http: false,
        };
        self.send::<Subscription>(id, command).await
    }

    /// Subscriptions that come, change and go.
    pub async fn subscriptions(&self) {
        let key = |id: &str| id.parse().unwrap();
        let reason = || "moving\u{0}".to_owned();
        for id in ["chat", "payments/chat", "payments/gone", "payments/back"] {
            self.subscribe(id, "Run.*").await;
        }
        for id in ["payments/gone", "payments/back"] {
            let delete = SubscriptionCommand::Delete { key: key(id) };
            self.send::<Subscription>(id, delete).await;
        }
        self.subscribe("payments/back", "*").await;
        let disable = SubscriptionCommand::Disable {
            key: key("chat"),
            reason: reason(),
        };
        self.send::<Subscription>("chat", disable).await;
        let ping = SubscriptionCommand::Ping {
            key: key("payments/chat"),
        };
        self.send::<Subscription>("payments/chat", ping).await;
    }

    /// A service is asked for and its run planned.
    pub async fn create(&self, service: &str) -> RunId {
        let (run, key) = (RunId(Uuid::new_v4()), key(service));
        let (components, environments) = (
            vec![component("api"), component("web")],
            environments(&["DEV", "PRD"]),
        );
        let command = ServiceCommand::Create {
            key: key.clone(),
            components: components.clone(),
            environments: environments.clone(),
            owner: "bob".parse().unwrap(),
            adopt: false,
            run,
        };
        self.send::<Service>(service, command).await;
        let plan = plan_provision(&key, &components, &environments, &targets()).unwrap();
        self.plan(run, SagaKind::ProvisionService, &key, plan).await;
        run
    }

    pub async fn add_component(&self, service: &str, name: &str) -> RunId {
        let (run, key) = (RunId(Uuid::new_v4()), key(service));
        let command = ServiceCommand::AddComponent {
            key: key.clone(),
            component: component(name),
            adopt: false,

            run,
        };
        self.send::<Service>(service, command).await;
        let plan =
            plan_add_component(&key, &component(name), &environments(&["DEV", "PRD"]), &targets()).unwrap();
        self.plan(run, SagaKind::AddComponent, &key, plan).await;
        run
    }

    pub async fn decommission(&self, service: &str) -> RunId {
        let (run, key) = (RunId(Uuid::new_v4()), key(service));
        let command = ServiceCommand::Decommission {
            key: key.clone(),
            reason: "done".into(),
            run,
        };
        self.send::<Service>(service, command).await;
        let (components, environments) = (
            vec![component("api"), component("web")],
            environments(&["DEV", "PRD"]),
        );
        let plan = plan_decommission(&key, &components, &environments, &targets()).unwrap();
        self.plan(run, SagaKind::DecommissionService, &key, plan).await;
        run
    }

    async fn plan(&self, run: RunId, saga: SagaKind, key: &ServiceKey, plan: Plan) {
        let service = key.clone();
        self.tell(
            run,
            RunCommand::Plan {
                run,
                saga,
                service,
                adopt: false,
                at: at(),
                environment: None,
                plan,
            },
        )
        .await;
    }

    pub async fn tell(&self, run: RunId, command: RunCommand) -> Position {
        self.send::<Run>(&run.to_string(), command).await
    }

    pub async fn state_of(&self, service: &str) -> Service {
        let loaded = self.journal.load_fresh::<Service>(service).await.unwrap();
        (*loaded.state).clone()
    }

    pub async fn state(&self, run: RunId) -> Run {
        let loaded = self.journal.load_fresh::<Run>(&run.to_string()).await.unwrap();
        (*loaded.state).clone()
    }

    /// Carries out what the run wants, one thing at a time, as long as it wants something. `forward` and `back` are
    /// what the tools answer; a step and the number of the try are given.
    pub async fn drive(
        &self,
        run: RunId,
        forward: impl Fn(&StepId, u32) -> Answer,
        back: impl Fn(&StepId, u32) -> Answer,
    ) {
        for _ in 0..10_000 {
            let state = self.state(run).await;
            let Some(work) = state.work().into_iter().next() else {
                return;
            };
            let retry_at = at() + TimeDelta::seconds(30);
            let command = match work {
                Work::Execute { step, attempt } => match forward(&step, attempt) {
                    Answer::Done(provenance) => {
                        let removes = state.saga.unwrap().removes();
                        let outcome = (!removes).then(|| outcome(&state, &step, provenance));
                        RunCommand::RecordSuccess {
                            step,
                            attempt,
                            outcome,
                            duration_ms: 12,
                        }
                    }
                    Answer::Fails(class) => {
                        let message = format!("try {attempt} of {step}: no\u{0}");
                        RunCommand::RecordFailure {
                            step,
                            attempt,
                            class,
                            message,
                            retry_at,
                            duration_ms: 7,
                        }
                    }
                },
                Work::Retry { step, attempt, .. } => RunCommand::StartRetry { step, attempt },
                Work::Compensate { step, attempt, .. } => match back(&step, attempt) {
                    Answer::Done(_) => RunCommand::RecordCompensated {
                        step,
                        attempt,
                        deleted: true,
                        duration_ms: 3,
                    },
                    Answer::Fails(class) => {
                        let message = format!("undoing {step}: no");
                        RunCommand::RecordCompensationFailure {
                            step,
                            attempt,
                            class,
                            message,
                            retry_at,
                        }
                    }
                },
            };
            self.tell(run, command).await;
        }
        panic!("the run never ends");
    }

    /// Tells the service how its run ended.
    pub async fn settle(&self, service: &str, run: RunId) -> Position {
        let state = self.state(run).await;
        let command = match state.status {
            RunStatus::Succeeded => ServiceCommand::RunSucceeded {
                run,
                left_behind: false,
            },
            _ => ServiceCommand::RunEnded {
                run,
                cause: state.cause_text(),
                left_behind: !state.left_behind().is_empty(),
            },
        };
        self.send::<Service>(service, command).await
    }

    pub async fn succeed(&self, service: &str, run: RunId) {
        self.drive(run, |_, _| CREATED, |_, _| CREATED).await;
        assert_eq!(self.state(run).await.status, RunStatus::Succeeded);
        self.settle(service, run).await;
    }

    /// A bit of everything: success, retries, unwinding, being stuck, skipping, abandoning, cancelling, resuming, a
    /// component more, the end of a service, and [`journeys`](Self::journeys).
    pub async fn everything(&self) -> Vec<RunId> {
        use FailureClass::{Permanent, Transient, Unauthorised};
        let mut runs = Vec::new();
        self.project("payments").await;
        for (give, member, role) in [
            (true, "bob", ProjectRole::Tester),
            (true, "carol", ProjectRole::Developer),
            (true, "bob", ProjectRole::Viewer),
            (false, "carol", ProjectRole::Developer),
            (false, "bob", ProjectRole::Viewer),
            (true, "bob", ProjectRole::Viewer),
        ] {
            self.role("payments", give, member, role).await;
        }
        self.template("1.9.0").await;
        self.template("1.10.0").await;
        for tool in Tool::all() {
            self.connect(tool, "tools").await;
        }
        self.connect(Tool::Harbor, "moved").await;
        self.subscriptions().await;

        let fine = self.create("payments/checkout").await;
        self.tell(fine, RunCommand::Resume).await;
        let twice = |step: &StepId, attempt: u32| match step.as_str() {
            "harbor.robot" if attempt < 4 => Answer::Fails(Transient),
            "gitlab.group" => Answer::Done(Provenance::Existing),
            _ => CREATED,
        };
        self.drive(fine, twice, |_, _| CREATED).await;
        self.settle("payments/checkout", fine).await;
        let more = self.add_component("payments/checkout", "jobs").await;
        self.succeed("payments/checkout", more).await;
        let gone = self.add_component("payments/checkout", "extra").await;
        let last = self.state(gone).await.plan.steps().last().unwrap().id.clone();
        let fails = |step: &StepId, _: u32| {
            if *step == last {
                Answer::Fails(Permanent)
            } else {
                CREATED
            }
        };
        self.drive(gone, fails, |_, _| CREATED).await;
        self.settle("payments/checkout", gone).await;

        let stuck = self.create("payments/ledger").await;
        let broken = |step: &StepId, _: u32| match step.as_str() {
            "harbor.robot" => Answer::Fails(Permanent),
            "gitlab.group" => Answer::Done(Provenance::Adopted),
            _ => CREATED,
        };
        let immovable = |step: &StepId, attempt: u32| match step.as_str() {
            "harbor.project" if attempt == 1 => Answer::Fails(Transient),
            "harbor.project" => Answer::Fails(Permanent),
            _ => CREATED,
        };
        self.drive(stuck, broken, immovable).await;
        let step: StepId = "harbor.project".parse().unwrap();
        assert_eq!(self.state(stuck).await.stuck_on.as_ref(), Some(&step));
        self.tell(stuck, RunCommand::RetryStep { step: step.clone() })
            .await;
        self.drive(stuck, broken, immovable).await;
        self.tell(
            stuck,
            RunCommand::SkipStep {
                step,
                reason: "by hand".into(),
            },
        )
        .await;
        self.drive(stuck, broken, |_, _| CREATED).await;
        self.settle("payments/ledger", stuck).await;

        let refused = self.create("payments/refused").await;
        self.drive(refused, |_, _| Answer::Fails(Unauthorised), |_, _| CREATED)
            .await;
        self.tell(
            refused,
            RunCommand::Abandon {
                reason: "wrong credential".into(),
            },
        )
        .await;
        self.settle("payments/refused", refused).await;

        let cancelled = self.create("payments/cancelled").await;
        self.tell(
            cancelled,
            RunCommand::Cancel {
                reason: "changed my mind".into(),
            },
        )
        .await;
        self.drive(cancelled, |_, _| CREATED, |_, _| CREATED).await;
        self.settle("payments/cancelled", cancelled).await;

        let old = self.create("payments/old").await;
        self.succeed("payments/old", old).await;
        let removed = self.decommission("payments/old").await;
        self.succeed("payments/old", removed).await;

        let waiting = self.create("payments/waiting").await;
        let step: StepId = "harbor.project".parse().unwrap();
        let command = RunCommand::RecordFailure {
            step,
            attempt: 1,
            class: Transient,
            message: "503".into(),
            retry_at: at(),
            duration_ms: 1,
        };
        self.tell(waiting, command).await;
        self.journeys().await;
        runs.extend([fine, more, gone, stuck, refused, cancelled, old, removed, waiting]);
        runs
    }
}

fn outcome(state: &Run, step: &StepId, provenance: Provenance) -> StepOutcome {
    let planned = state.step(step).unwrap();
    let resource = ExternalResource {
        tool: planned.tool(),
        kind: step.as_str().split('/').next().unwrap().to_owned(),
        name: format!("{}:{step}", state.service.as_ref().unwrap()),
        url: Some(format!("https://tools.example/{step}")),
    };
    StepOutcome {
        resource,
        provenance,
        commit: None,
    }
}
