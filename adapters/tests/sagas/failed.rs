//! Every step fails: for good, for good after the work was done, and twice in a way that passes.

use futures::future::join_all;
use opstella_domain::run::RunStatus;

use crate::saboteur::Sabotage;
use crate::saga::{Saga, project};
use crate::world::World;

/// A step that fails for good leaves the tools as they were before the run.
async fn leaves_nothing(saga: Saga, sabotage: Sabotage) {
    let world = World::new().await;
    let process = world.process(false).await;
    let steps = saga.steps(&process).await;
    let projects: Vec<_> = (0..steps.len()).map(project).collect();
    join_all(projects.iter().map(|p| saga.prepare(&process, p))).await;
    let before = world.everything();
    for (project, step) in projects.iter().zip(&steps) {
        world.plans.set(project, step, sabotage.clone());
    }
    let tries = projects.iter().zip(&steps).map(async |(project, step)| {
        let run = saga.start(&process, project).await;
        let state = process.settled(run).await;
        assert_eq!(
            state.status,
            RunStatus::Failed,
            "{saga:?} with {step} failing: {}",
            state.cause_text()
        );
        assert!(state.cause_text().contains(step.as_str()));
        assert_eq!(state.left_behind(), []);
    });
    join_all(tries).await;
    assert_eq!(world.everything(), before, "{saga:?}");
    process.end().await;
}

/// A step that fails in a way that passes does no harm.
async fn gets_there(saga: Saga, sabotage: Sabotage) {
    let world = World::new().await;
    let process = world.process(false).await;
    let steps = saga.steps(&process).await;
    let (expected, commits) = (world.of("plan"), world.commits("plan"));
    let projects: Vec<_> = (0..steps.len()).map(project).collect();
    join_all(projects.iter().map(|p| saga.prepare(&process, p))).await;
    for (project, step) in projects.iter().zip(&steps) {
        world.plans.set(project, step, sabotage.clone());
    }
    let tries = projects.iter().zip(&steps).map(async |(project, step)| {
        let run = saga.start(&process, project).await;
        process.succeeds(run).await;
        assert_eq!(world.of(project), expected, "{saga:?} with {step} sabotaged");
        assert_eq!(world.commits(project), commits, "{saga:?} with {step} sabotaged");
    });
    join_all(tries).await;
    process.end().await;
}

/// A removal that fails for good cannot be unwound: it is stuck, and goes on when the cause is mended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_that_fails_for_good_is_stuck_and_goes_on() {
    let world = World::new().await;
    let process = world.process(false).await;
    let saga = Saga::Decommission;
    let steps = saga.steps(&process).await;
    let expected = world.of("plan");
    let projects: Vec<_> = (0..steps.len()).map(project).collect();
    join_all(projects.iter().map(|p| saga.prepare(&process, p))).await;
    for (project, step) in projects.iter().zip(&steps) {
        world.plans.set(project, step, Sabotage::FailForGood);
    }
    let tries = projects.iter().zip(&steps).map(async |(project, step)| {
        let run = saga.start(&process, project).await;
        let state = process.settled(run).await;
        assert!(
            matches!(state.status, RunStatus::Stuck { .. }),
            "{step}: {:?}",
            state.status
        );
        assert_eq!(state.stuck_on.as_ref().unwrap().as_str(), step);
        world.plans.lift(project, step);
        let context = crate::world::context();
        process
            .commands
            .retry_step(&context, run, step.parse().unwrap())
            .await
            .unwrap();
        process.succeeds(run).await;
        assert_eq!(world.of(project), expected, "{step}");
    });
    join_all(tries).await;
    process.end().await;
}

macro_rules! sagas {
    ($($name:ident: $saga:ident),*) => {
        mod for_good {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { leaves_nothing(Saga::$saga, Sabotage::FailForGood).await; })*
        }
        mod for_good_after_the_work {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { leaves_nothing(Saga::$saga, Sabotage::WorkThenFailForGood).await; })*
        }
    };
}
sagas!(provision: Provision, add_component: AddComponent, add_environment: AddEnvironment, promote: Promote);

macro_rules! all_sagas {
    ($($name:ident: $saga:ident),*) => {
        mod twice_transiently {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { gets_there(Saga::$saga, Sabotage::FailTransiently(2)).await; })*
        }
        mod answer_dropped {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { gets_there(Saga::$saga, Sabotage::DropAnswer).await; })*
        }
    };
}
all_sagas!(provision: Provision, add_component: AddComponent, add_environment: AddEnvironment, decommission: Decommission, promote: Promote);
