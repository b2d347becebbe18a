//! What another process appended counts, whatever this one has in its cache; and what is decided again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::sync::Arc;

use chrono::Utc;
use opstella_commands::{
    CommandContext, CommandError, CommandOptions, Commands, CreateProject, CreateProjects, RoleAuthoriser,
};
use opstella_devservers::postgres::{TestDatabase, test_database};
use opstella_domain::operation::Operation;
use opstella_domain::plan::{Plan, PlannedStep, SagaKind, StepId};
use opstella_domain::project::Project;
use opstella_domain::resource::{ExternalResource, Provenance, StepOutcome};
use opstella_domain::run::{FailureClass, Run, RunCommand};
use opstella_domain::service::{Lifecycle, Service, ServiceCommand};
use opstella_domain::{Decide, DomainError, EnvironmentSet, RunId, ServiceKey, Tool};
use opstella_journal::{Append, EventMetadata, Journal, JournalOptions, Loaded, StreamAppend, migrate};
use sqlx::postgres::PgPoolOptions;

/// A process of its own, as far as caches go. It follows nobody, so that its cache stays old.
async fn process(database: &TestDatabase) -> Commands {
    let pool = PgPoolOptions::new().max_connections(4);
    let pool = pool.connect(&database.url).await.unwrap();
    migrate(&pool).await.unwrap();
    let journal = Journal::open(pool, JournalOptions::default()).await.unwrap();
    let create_project = CreateProjects::Anyone;
    let options = CommandOptions {
        public_url: "https://opstella.example".into(),
        deploy_wait_minutes: 15,
        connection: "main".parse().unwrap(),
    };
    Commands::new(journal, Arc::new(RoleAuthoriser { create_project }), options)
}

fn key() -> ServiceKey {
    "payments/checkout".parse().unwrap()
}

fn internal() -> CommandContext {
    CommandContext::system("test", "c-1")
}

async fn decide(commands: &Commands, command: ServiceCommand) {
    let journal = commands.journal();
    let service = journal.load_fresh::<Service>(&key().to_string()).await.unwrap();
    let events = service.state.decide(command).unwrap();
    let stream = StreamAppend::of(&service, events).unwrap();
    let append = Append::new(EventMetadata::default(), vec![stream]);
    journal.append(append).await.unwrap();
}

fn create(run: RunId) -> ServiceCommand {
    let component = serde_json::json!({
        "name": "api",
        "template": { "name": "http-service", "version": "1.0.0" },
    });
    ServiceCommand::Create {
        key: key(),
        components: vec![serde_json::from_value(component).unwrap()],
        environments: serde_json::from_value::<EnvironmentSet>(serde_json::json!(["DEV"])).unwrap(),
        owner: "alice".parse().unwrap(),
        adopt: false,
        run,
    }
}

fn step() -> StepId {
    "gitlab.group".parse().unwrap()
}

async fn plan(commands: &Commands, run: RunId) {
    let step = PlannedStep {
        id: step(),
        connection: "main".parse().unwrap(),
        operation: Operation::GitlabGroup {
            group: "payments".parse().unwrap(),
        },
        depends_on: vec![],
    };
    let planned = RunCommand::Plan {
        run,
        saga: SagaKind::ProvisionService,
        service: key(),
        adopt: false,
        at: Utc::now(),
        environment: None,
        plan: Plan::new(vec![step]).unwrap(),
    };
    let absent = Loaded::<Run>::absent(run.to_string());
    let stream = StreamAppend::of(&absent, absent.state.decide(planned).unwrap()).unwrap();
    let append = Append::new(EventMetadata::default(), vec![stream]);
    commands.journal().append(append).await.unwrap();
}

fn run_id(number: u128) -> RunId {
    RunId(uuid::Uuid::from_u128(number))
}

#[tokio::test]
async fn the_end_of_a_run_reaches_a_service_that_another_process_asked_for() {
    let database = test_database().await.unwrap();
    let (here, there) = (process(&database).await, process(&database).await);
    let (first, second) = (run_id(1), run_id(2));
    decide(&here, create(first)).await;
    let failed = ServiceCommand::RunEnded {
        run: first,
        cause: "no".into(),
        left_behind: false,
    };
    decide(&here, failed).await;
    // From here on the engine's process has an old state in its cache.
    let id = key().to_string();
    let old = there.journal().load::<Service>(&id).await.unwrap();
    assert_eq!(old.state.lifecycle, Lifecycle::ProvisioningFailed);
    decide(&here, create(second)).await;
    plan(&here, second).await;

    let resource = ExternalResource {
        tool: Tool::GitLab,
        kind: "group".into(),
        name: "payments".into(),
        url: None,
    };
    let done = RunCommand::RecordSuccess {
        step: step(),
        attempt: 1,
        outcome: Some(StepOutcome {
            resource,
            provenance: Provenance::Created,
            commit: None,
        }),
        duration_ms: 1,
    };
    let run = there.advance_run(&internal(), second, done).await.unwrap();
    assert!(run.status.ended(), "{:?}", run.status);
    let service = there.journal().load_fresh::<Service>(&id).await.unwrap();
    assert_eq!(service.state.lifecycle, Lifecycle::Active);
    assert_eq!(service.state.run, None);
}

fn project() -> CreateProject {
    CreateProject {
        slug: "payments".parse().unwrap(),
        name: "x".into(),
        description: None,
        owner: "alice".parse().unwrap(),
    }
}

#[tokio::test]
async fn a_refusal_is_decided_anew_on_what_the_table_has() {
    let database = test_database().await.unwrap();
    let (here, there) = (process(&database).await, process(&database).await);
    plan(&here, run_id(1)).await;
    // Stale: the run as it was, with its first step under way.
    there.load_run(run_id(1)).await.unwrap();
    let failure = |class, attempt| RunCommand::RecordFailure {
        step: step(),
        attempt,
        class,
        message: "no".into(),
        retry_at: Utc::now(),
        duration_ms: 1,
    };
    let stuck = failure(FailureClass::Unauthorised, 1);
    here.advance_run(&internal(), run_id(1), stuck).await.unwrap();
    // On the old state there is nothing to try again; on the table's there is.
    there
        .retry_step(&internal(), run_id(1), step())
        .await
        .expect("decided anew");
}

#[tokio::test]
async fn conflicts_are_tried_again_a_bounded_number_of_times() {
    let database = test_database().await.unwrap();
    let commands = process(&database).await;
    // All but one find the project taken in the end; none waits for ever, and none is told of a conflict.
    let tries = (0..12).map(|_| {
        let commands = commands.clone();
        tokio::spawn(async move { commands.create_project(&internal(), project()).await })
    });
    let mut made = 0;
    for tried in tries.collect::<Vec<_>>() {
        match tried.await.unwrap() {
            Ok(_) => made += 1,
            Err(CommandError::Domain(error)) => {
                assert!(matches!(*error, DomainError::AlreadyExists { .. }), "{error}");
            }
            Err(error) => panic!("{error}"),
        }
    }
    let project = commands
        .journal()
        .load_fresh::<Project>("payments")
        .await
        .unwrap();
    assert_eq!((made, project.version), (1, 1));
}
