//! Every step fails: for good, for good after the work was done, and twice in a way that passes. So does the undoing.

use futures::future::join_all;
use opstella_domain::run::RunStatus;

use crate::saboteur::Sabotage;
use crate::saga::{Saga, project};
use crate::world::World;

/// How often an undoing fails in a way that passes.
const UNDO_FAILS: u32 = 3;

/// A step that fails for good leaves the tools as they were before the run; also where a process carries everything
/// out `twice`, the undoing too.
async fn leaves_nothing(saga: Saga, sabotage: Sabotage, twice: bool) {
    let world = World::new().await;
    let process = world.process(twice).await;
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
        if matches!(sabotage, Sabotage::WorkThenFailForGoodAndUndoTransiently(_)) {
            let id = step.parse().unwrap();
            assert_eq!(state.steps[&id].compensation_failures, UNDO_FAILS, "{step}");
        }
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

/// What the operator does about a removal that is stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Retries,
    Skips,
    Abandons,
}

/// A removal that fails for good cannot be unwound: it is stuck, and goes on when the cause is mended; or an operator
/// goes on without the step, or gives the run up, and the service is removed once more.
async fn a_removal_is_stuck(sabotage: Sabotage, operator: Operator) {
    let world = World::new().await;
    let process = world.process(false).await;
    let saga = Saga::Decommission;
    let steps = saga.steps(&process).await;
    let expected = world.of("plan");
    let projects: Vec<_> = (0..steps.len()).map(project).collect();
    join_all(projects.iter().map(|p| saga.prepare(&process, p))).await;
    for (project, step) in projects.iter().zip(&steps) {
        world.plans.set(project, step, sabotage.clone());
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
        let (commands, context) = (&process.commands, crate::world::context());
        let id = || step.parse().unwrap();
        let left = match operator {
            Operator::Retries => {
                commands.retry_step(&context, run, id()).await.unwrap();
                process.succeeds(run).await.left_behind()
            }
            Operator::Skips => {
                let reason = "by hand".into();
                commands.skip_step(&context, run, id(), reason).await.unwrap();
                process.succeeds(run).await.left_behind()
            }
            Operator::Abandons => {
                commands
                    .abandon_run(&context, run, "given up".into())
                    .await
                    .unwrap();
                let state = process.settled(run).await;
                assert_eq!(state.status, RunStatus::Abandoned, "{step}");
                state.left_behind()
            }
        };
        match operator {
            Operator::Retries => assert_eq!(left, [], "{step}"),
            Operator::Skips => assert_eq!(left, [id()], "{step}"),
            Operator::Abandons => assert!(left.contains(&id()), "{step}: {left:?}"),
        }
        if operator != Operator::Retries {
            let again = saga.start(&process, project).await;
            assert_eq!(process.succeeds(again).await.left_behind(), [], "{step}");
        }
        assert_eq!(world.of(project), expected, "{step}");
    });
    join_all(tries).await;
    process.end().await;
}

macro_rules! removals {
    ($($name:ident: $sabotage:ident, $operator:ident;)*) => {
        mod removal {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { a_removal_is_stuck(Sabotage::$sabotage, Operator::$operator).await; })*
        }
    };
}
removals! {
    fails_for_good_and_is_retried: FailForGood, Retries;
    fails_for_good_and_is_skipped: FailForGood, Skips;
    fails_for_good_and_is_abandoned: FailForGood, Abandons;
    fails_for_good_after_the_work_and_is_retried: WorkThenFailForGood, Retries;
    fails_for_good_after_the_work_and_is_skipped: WorkThenFailForGood, Skips;
    fails_for_good_after_the_work_and_is_abandoned: WorkThenFailForGood, Abandons;
}

macro_rules! sagas {
    ($($name:ident: $saga:ident),*) => {
        mod for_good {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { leaves_nothing(Saga::$saga, Sabotage::FailForGood, false).await; })*
        }
        mod for_good_after_the_work {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { leaves_nothing(Saga::$saga, Sabotage::WorkThenFailForGood, false).await; })*
        }
        mod undone_twice {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { leaves_nothing(Saga::$saga, Sabotage::WorkThenFailForGood, true).await; })*
        }
        mod undoing_fails_transiently {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let sabotage = Sabotage::WorkThenFailForGoodAndUndoTransiently(UNDO_FAILS);
                leaves_nothing(Saga::$saga, sabotage, false).await;
            })*
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
