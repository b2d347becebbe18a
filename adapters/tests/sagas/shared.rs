//! Two services of a new project are made at once, and share what is the project's: one run's unwinding neither makes
//! the other one fail nor leaves anything behind.

use std::sync::Arc;

use futures::future::join_all;
use opstella_commands::CreateService;
use opstella_domain::run::{Run, RunStatus, StepPhase};
use opstella_domain::{RunId, ServiceKey};
use tokio_util::sync::CancellationToken;

use crate::saboteur::Sabotage;
use crate::saga::{Saga, project};
use crate::world::{Process, World, context, key};

/// The step that ends both runs, where they fail: it depends on most of the others.
const LAST: &str = "argocd.application/api/dev";
const SECOND: &str = "refund";

async fn create_second(process: &Process, project: &str) -> RunId {
    let request = CreateService {
        key: ServiceKey {
            service: SECOND.parse().unwrap(),
            ..key(project)
        },
        ..Process::creation(project)
    };
    let accepted = process.commands.create_service(&context(), request).await;
    accepted.unwrap().run.unwrap()
}

/// Whether everything is done that does not wait for these steps, all of which are under way or wait for each other.
fn waits_for(state: &Run, held: &[&str]) -> bool {
    state.steps.iter().all(|(id, step)| match step.phase {
        StepPhase::Running => held.contains(&id.as_str()),
        StepPhase::Succeeded => !held.contains(&id.as_str()),
        StepPhase::Pending => true,
        _ => false,
    })
}

/// The first run makes all but its last step. The second one comes to each step in turn when the first one fails and
/// unwinds, and goes on only then; its project, with the first run's end and the second one's.
async fn first_unwinds_while_second_is_at_each_step(
    world: &World,
    process: &Process,
    second_fails: bool,
) -> Vec<(String, String, Arc<Run>)> {
    let steps = Saga::Provision.steps(process).await;
    let tries = steps.into_iter().enumerate().map(async |(index, step)| {
        let project = project(index);
        process.create_project(&project).await;
        let (fail, go_on) = (CancellationToken::new(), CancellationToken::new());
        let first_service = key(&project).to_string();
        world
            .plans
            .set(&first_service, LAST, Sabotage::FailWhen(fail.clone()));
        let first = process.create(&project).await;
        process.until(first, |state| waits_for(state, &[LAST])).await;

        let second_service = format!("{project}/{SECOND}");
        let mut held = vec![step.as_str()];
        world
            .plans
            .set(&second_service, &step, Sabotage::HoldUntil(go_on.clone()));
        if second_fails {
            held.push(LAST);
            world
                .plans
                .set(&second_service, LAST, Sabotage::FailWhen(go_on.clone()));
        }
        let second = create_second(process, &project).await;
        process.until(second, |state| waits_for(state, &held)).await;

        fail.cancel();
        let state = process.settled(first).await;
        let end = (state.status, state.left_behind());
        assert_eq!(end, (RunStatus::Failed, vec![]), "{step}");
        go_on.cancel();
        (step, project, process.settled(second).await)
    });
    join_all(tries).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_run_succeeds_though_the_first_one_unwinds() {
    let world = World::new().await;
    let process = world.process(false).await;
    process.create_project("alone").await;
    let alone = create_second(&process, "alone").await;
    process.succeeds(alone).await;
    let expected = world.of("alone");
    for (step, project, second) in first_unwinds_while_second_is_at_each_step(&world, &process, false).await {
        assert_eq!(
            second.status,
            RunStatus::Succeeded,
            "{step}: {}",
            second.cause_text()
        );
        assert_eq!(world.of(&project), expected, "{step}");
    }
    process.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_when_both_fail() {
    let world = World::new().await;
    let process = world.process(false).await;
    for (step, project, second) in first_unwinds_while_second_is_at_each_step(&world, &process, true).await {
        assert_eq!(
            second.status,
            RunStatus::Failed,
            "{step}: {}",
            second.cause_text()
        );
        assert!(
            second.cause_text().contains(LAST),
            "{step}: {}",
            second.cause_text()
        );
        assert_eq!(second.left_behind(), [], "{step}");
        assert_eq!(world.of(&project), Vec::<String>::new(), "{step}");
    }
    process.end().await;
}
