//! What a run left behind in the tools is removed with the service, whatever the service has by then.

use futures::future::join_all;
use opstella_commands::CreateService;
use opstella_domain::plan::StepId;
use opstella_domain::run::{Run, RunStatus};
use opstella_domain::service::{Lifecycle, Service};
use opstella_domain::{EnvironmentSet, RunId};

use crate::saboteur::Sabotage;
use crate::saga::{Saga, project};
use crate::world::{Process, World, component, context, key, step_ids};

/// How an operator ends a run that is stuck on its way back.
#[derive(Debug, Clone, Copy)]
enum Operator {
    Skips,
    Abandons,
}

impl Operator {
    async fn ends(self, process: &Process, run: RunId, step: &StepId) {
        let commands = &process.commands;
        match self {
            Self::Skips => {
                let reason = "by hand".into();
                commands
                    .skip_step(&context(), run, step.clone(), reason)
                    .await
                    .unwrap()
            }
            Self::Abandons => commands
                .abandon_run(&context(), run, "given up".into())
                .await
                .unwrap(),
        };
    }
}

/// The undoing of a step keeps failing, and the operator gives it up; whether something was left behind.
async fn leaves(world: &World, process: &Process, run: RunId, project: &str, step: &str, operator: Operator) {
    let state = process.settled(run).await;
    assert_eq!(
        state.status,
        RunStatus::Stuck { unwinding: true },
        "{step}: {}",
        state.cause_text()
    );
    operator.ends(process, run, &step.parse().unwrap()).await;
    let state = process.until(run, |run| run.status.ended()).await;
    assert_ne!(state.left_behind(), [], "{step}");
    world.plans.lift(project, step);
}

/// Decommissions the service: nothing stays that another one's removal would not leave.
async fn leaves_nothing_in_the_end(
    world: &World,
    process: &Process,
    project: &str,
    expected: &[String],
    what: &str,
) {
    let run = Saga::Decommission.start(process, project).await;
    let state: std::sync::Arc<Run> = process.succeeds(run).await;
    assert_eq!(state.left_behind(), [], "{what}");
    assert_eq!(world.of(project), expected, "{what}");
    let service = service(process, project).await;
    assert_eq!(
        (service.lifecycle, service.left_behind()),
        (Lifecycle::Decommissioned, false),
        "{what}"
    );
}

async fn service(process: &Process, project: &str) -> Service {
    let id = key(project).to_string();
    let loaded = process.commands.journal().load::<Service>(&id).await.unwrap();
    loaded.state.as_ref().clone()
}

/// What a project has in the tools once its only service is decommissioned.
async fn after_decommissioning(world: &World, process: &Process) -> Vec<String> {
    let project = "empty";
    Saga::Decommission.prepare(process, project).await;
    let run = Saga::Decommission.start(process, project).await;
    process.succeeds(run).await;
    world.of(project)
}

/// Of a change of an active service.
async fn of_a_change(saga: Saga, operator: Operator) {
    let world = World::new().await;
    let process = world.process(false).await;
    let steps = saga.steps(&process).await;
    let expected = after_decommissioning(&world, &process).await;
    let projects: Vec<_> = (0..steps.len()).map(project).collect();
    join_all(projects.iter().map(|p| saga.prepare(&process, p))).await;
    let tries = projects.iter().zip(&steps).map(async |(project, step)| {
        world
            .plans
            .set(project, step, Sabotage::WorkThenFailForGoodAndUndo);
        let run = saga.start(&process, project).await;
        leaves(&world, &process, run, project, step, operator).await;
        assert!(service(&process, project).await.left_behind(), "{step}");
        leaves_nothing_in_the_end(&world, &process, project, &expected, step).await;
    });
    join_all(tries).await;
    process.end().await;
}

/// Of a creation that is repeated with less: with one component of two, and in one environment of two.
async fn of_a_creation(operator: Operator) {
    let world = World::new().await;
    let process = world.process(false).await;
    let wide = |project: &str| CreateService {
        components: vec![component("api"), component("worker")],
        environments: ["DEV", "PRD"]
            .map(|e| e.parse().unwrap())
            .to_vec()
            .try_into()
            .unwrap(),
        ..Process::creation(project)
    };
    let create = async |request: CreateService| {
        let accepted = process.commands.create_service(&context(), request).await;
        accepted.unwrap().run.unwrap()
    };
    process.create_project("plan").await;
    let run = create(wide("plan")).await;
    let plan = process.succeeds(run).await;
    let more = |step: &String| step.contains("/worker") || step.ends_with("/prd");
    let steps: Vec<_> = step_ids(&plan.plan).into_iter().filter(more).collect();
    let expected = after_decommissioning(&world, &process).await;
    let tries = steps.iter().enumerate().map(async |(index, step)| {
        let project = &project(index);
        process.create_project(project).await;
        world
            .plans
            .set(project, step, Sabotage::WorkThenFailForGoodAndUndo);
        let run = create(wide(project)).await;
        leaves(&world, &process, run, project, step, operator).await;
        let run = process.create(project).await;
        process.succeeds(run).await;
        let service = service(&process, project).await;
        let dev: EnvironmentSet = Process::creation(project).environments;
        assert_eq!((service.components.len(), &service.environments), (1, &Some(dev)));
        assert!(service.left_behind(), "{step}");
        leaves_nothing_in_the_end(&world, &process, project, &expected, step).await;
    });
    join_all(tries).await;
    process.end().await;
}

macro_rules! operators {
    ($($module:ident: $operator:ident),*) => {$(
        mod $module {
            use super::*;
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn add_component() { of_a_change(Saga::AddComponent, Operator::$operator).await; }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn add_environment() { of_a_change(Saga::AddEnvironment, Operator::$operator).await; }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn provision() { of_a_creation(Operator::$operator).await; }
        }
    )*};
}
operators!(skipped: Skips, abandoned: Abandons);
