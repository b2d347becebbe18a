//! The process dies at every step, before and after its work, forwards and backwards; another one finishes the run.
//!
//! A process is a tokio runtime with everything on it: shut down without notice it neither finishes nor says
//! anything, as after kill -9. (The binary itself is killed in the tests of `api`.)

use std::sync::Arc;

use opstella_domain::RunId;
use opstella_domain::run::RunStatus;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use crate::saboteur::Sabotage;
use crate::saga::{Saga, project};
use crate::world::{Process, World, context};

pub fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

/// Runs the saga with these sabotages in a process that dies of one of them; the run, and whether it came to that.
fn dies(
    world: &Arc<World>,
    saga: Saga,
    project: &str,
    sabotages: Vec<(String, Sabotage)>,
    died: &CancellationToken,
) -> (RunId, bool) {
    let runtime = runtime();
    let (world, project, died) = (Arc::clone(world), project.to_owned(), died.clone());
    let outcome = runtime.block_on(async move {
        let process = world.process(false).await;
        saga.prepare(&process, &project).await;
        for (step, sabotage) in sabotages {
            world.plans.set(&project, &step, sabotage);
        }
        let run = saga.start(&process, &project).await;
        let dead = tokio::select! {
            () = died.cancelled() => true,
            _ = process.settled(run) => false,
        };
        // The process must not even drop its parts in order.
        std::mem::forget(process);
        (run, dead)
    });
    runtime.shutdown_background();
    outcome
}

/// The run is finished by a second process after the first one died at each step.
fn forwards(saga: Saga, sabotage: fn(CancellationToken) -> Sabotage) {
    let outside = runtime();
    let world = Arc::new(outside.block_on(World::new()));
    let (steps, expected, commits) = outside.block_on(async {
        let process = world.process(false).await;
        let steps = saga.steps(&process).await;
        process.end().await;
        (steps, world.of("plan"), world.commits("plan"))
    });
    for (index, step) in steps.iter().enumerate() {
        let (project, died) = (project(index), CancellationToken::new());
        let sabotages = vec![(step.clone(), sabotage(died.clone()))];
        let (run, dead) = dies(&world, saga, &project, sabotages, &died);
        assert!(dead, "{step} was never carried out");
        outside.block_on(async {
            let second = world.process(false).await;
            let state = second.settled(run).await;
            assert_eq!(
                state.status,
                RunStatus::Succeeded,
                "{saga:?}, killed at {step}: {}",
                state.cause_text()
            );
            assert_eq!(world.of(&project), expected, "{saga:?}, killed at {step}");
            assert_eq!(world.commits(&project), commits, "{saga:?}, killed at {step}");
            second.end().await;
        });
    }
}

/// The unwinding is finished by a second process after the first one died at the undoing of each step.
fn backwards(saga: Saga, sabotage: fn(CancellationToken) -> Sabotage) {
    let outside = runtime();
    let world = Arc::new(outside.block_on(World::new()));
    let steps = outside.block_on(async {
        let process = world.process(false).await;
        let steps = saga.steps(&process).await;
        process.end().await;
        steps
    });
    let (failing, others) = steps.split_last().unwrap();
    let mut deaths = 0;
    for (index, step) in others.iter().enumerate() {
        let (project, died) = (project(index), CancellationToken::new());
        outside.block_on(async {
            // What the project had before, to compare with.
            let process = world.process(false).await;
            let twin = format!("{project}twin");
            saga.prepare(&process, &twin).await;
            process.end().await;
        });
        let before = world.of(&format!("{project}twin"));
        let sabotages = vec![
            (step.clone(), sabotage(died.clone())),
            (failing.clone(), Sabotage::WorkThenFailForGood),
        ];
        let (run, dead) = dies(&world, saga, &project, sabotages, &died);
        // A step that had not started when the other one failed is not undone.
        deaths += usize::from(dead);
        outside.block_on(async {
            let second = world.process(false).await;
            let state = second.settled(run).await;
            assert_eq!(
                state.status,
                RunStatus::Failed,
                "{saga:?}, killed undoing {step}: {}",
                state.cause_text()
            );
            assert_eq!(state.left_behind(), []);
            second.end().await;
        });
        let after: Vec<_> = world
            .of(&project)
            .into_iter()
            .filter(|line| !line.contains("PROJECTtwin"))
            .collect();
        assert_eq!(after, before, "{saga:?}, killed undoing {step}");
    }
    assert!(
        deaths * 3 >= others.len() * 2,
        "only {deaths} of {} steps were undone",
        others.len()
    );
}

macro_rules! tests {
    ($module:ident: $how:ident($sabotage:ident), $($name:ident: $saga:ident),*) => {
        mod $module {
            use super::*;
            $(#[test] fn $name() { $how(Saga::$saga, Sabotage::$sabotage); })*
        }
    };
}
tests!(before_the_work: forwards(DieBefore), provision: Provision, add_component: AddComponent, add_environment: AddEnvironment, decommission: Decommission, promote: Promote);
tests!(after_the_work: forwards(DieAfter), provision: Provision, add_component: AddComponent, add_environment: AddEnvironment, decommission: Decommission, promote: Promote);
tests!(before_the_undoing: backwards(DieBeforeUndo), provision: Provision, add_component: AddComponent, add_environment: AddEnvironment, promote: Promote);
tests!(after_the_undoing: backwards(DieAfterUndo), provision: Provision, add_component: AddComponent, add_environment: AddEnvironment, promote: Promote);

/// A run that was planned while no engine ran: what its first tries find is not what an earlier one left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_waited_for_an_engine_was_not_tried_before() {
    let world = World::new().await;
    let process = world.process(false).await;
    process.create_project("waited").await;
    let commands = process.without_engine().await;
    let accepted = commands
        .create_service(&context(), Process::creation("waited"))
        .await;
    let run = accepted.unwrap().run.unwrap();
    commands.journal().clone().close().await;
    let process = world.process(false).await;
    let state = process.succeeds(run).await;
    let uncertain = state.steps.iter().filter(|(_, step)| step.uncertain);
    assert_eq!(uncertain.count(), 0);
    process.end().await;
}
