//! The process dies while a run waits: for the time of its next try, or for an operator. Another one knows as much.

use std::sync::Arc;

use chrono::Utc;
use futures::future::join_all;
use opstella_domain::RunId;
use opstella_domain::plan::StepId;
use opstella_domain::run::{Run, RunStatus, StepPhase};
use tokio::runtime::Runtime;

use crate::killed::runtime;
use crate::saboteur::Sabotage;
use crate::saga::{Saga, project};
use crate::world::{Process, World, context};

/// Longer than any test: only an operator ends the wait.
const LONG: u64 = 600_000;

/// A step that is sabotaged, in a project of its own.
struct Try {
    project: String,
    step: StepId,
}

impl Try {
    async fn retried(&self, process: &Process, run: RunId) -> Arc<Run> {
        process
            .commands
            .retry_step(&context(), run, self.step.clone())
            .await
            .unwrap();
        process.settled(run).await
    }
}

/// The tries of all steps of a saga, and what a project has once it went well.
fn tries(outside: &Runtime, world: &World, saga: Saga) -> (Vec<Try>, Vec<String>) {
    outside.block_on(async {
        let process = world.process(false).await;
        let steps = saga.steps(&process).await;
        process.end().await;
        let of = |(index, step): (usize, &String)| Try {
            project: project(index),
            step: step.parse().unwrap(),
        };
        (steps.iter().enumerate().map(of).collect(), world.of("plan"))
    })
}

/// Runs all tries side by side in a process, until each run is so, and kills the process.
fn dies_when(
    world: &Arc<World>,
    saga: Saga,
    tries: &[Try],
    sabotage: impl Fn(&Try) + Send + Sync,
    so: impl Fn(&Run, &StepId) -> bool + Send + Sync,
) -> Vec<(RunId, Arc<Run>)> {
    let runtime = runtime();
    let runs = runtime.block_on(async {
        let process = world.process(false).await;
        join_all(tries.iter().map(|one| saga.prepare(&process, &one.project))).await;
        tries.iter().for_each(&sabotage);
        let runs = tries.iter().map(async |one| {
            let run = saga.start(&process, &one.project).await;
            (run, process.until(run, |state| so(state, &one.step)).await)
        });
        let runs = join_all(runs).await;
        // The process must not even drop its parts in order.
        std::mem::forget(process);
        runs
    });
    runtime.shutdown_background();
    runs
}

/// A second process, which has taken everything over.
async fn second(world: &World) -> Process {
    let process = world.process(false).await;
    // Runs are taken over in the order of their ids; this one is the newest, so it is the last.
    process.create_project("afterwards").await;
    let run = process.create("afterwards").await;
    process.succeeds(run).await;
    process
}

fn waits(state: &Run, step: &StepId) -> bool {
    state.steps[step].phase == StepPhase::Waiting
}

fn waiting_for_a_retry(saga: Saga) {
    let outside = runtime();
    let world = Arc::new(outside.block_on(World::new()));
    let (tries, expected) = tries(&outside, &world, saga);
    let ask = |one: &Try| {
        let sabotage = Sabotage::AskToWait(LONG);
        world.plans.set(&one.project, one.step.as_str(), sabotage);
    };
    let runs = dies_when(&world, saga, &tries, ask, waits);
    outside.block_on(async {
        let process = second(&world).await;
        for (one, (run, before)) in tries.iter().zip(runs) {
            let state = process.commands.load_run(run).await.unwrap().state;
            assert_eq!(
                state.steps[&one.step], before.steps[&one.step],
                "{saga:?}: {}",
                one.step
            );
            let state = one.retried(&process, run).await;
            assert_eq!(
                state.status,
                RunStatus::Succeeded,
                "{saga:?}: {}",
                state.cause_text()
            );
            assert_eq!(world.of(&one.project), expected, "{saga:?}: {}", one.step);
        }
        process.end().await;
    });
}

fn stuck_forwards(saga: Saga) {
    let outside = runtime();
    let world = Arc::new(outside.block_on(World::new()));
    let (tries, expected) = tries(&outside, &world, saga);
    let refuse = |one: &Try| world.plans.set(&one.project, one.step.as_str(), Sabotage::Refuse);
    let is_stuck = |state: &Run, _: &StepId| state.status == RunStatus::Stuck { unwinding: false };
    let runs = dies_when(&world, saga, &tries, refuse, is_stuck);
    outside.block_on(async {
        let process = second(&world).await;
        for (one, (run, _)) in tries.iter().zip(runs) {
            let state = process.commands.load_run(run).await.unwrap().state;
            assert_eq!(state.stuck_on.as_ref(), Some(&one.step), "{saga:?}");
            let state = one.retried(&process, run).await;
            assert_eq!(
                state.status,
                RunStatus::Succeeded,
                "{saga:?}: {}",
                state.cause_text()
            );
            assert_eq!(world.of(&one.project), expected, "{saga:?}: {}", one.step);
        }
        process.end().await;
    });
}

fn stuck_backwards(saga: Saga) {
    let outside = runtime();
    let world = Arc::new(outside.block_on(World::new()));
    let (tries, _) = tries(&outside, &world, saga);
    // Its own undoing keeps failing: whatever else was made, the run gets stuck on it.
    let fail = |one: &Try| {
        world.plans.set(
            &one.project,
            one.step.as_str(),
            Sabotage::WorkThenFailForGoodAndUndo,
        );
    };
    let is_stuck = |state: &Run, _: &StepId| state.status == RunStatus::Stuck { unwinding: true };
    let runs = dies_when(&world, saga, &tries, fail, is_stuck);
    outside.block_on(async {
        let process = second(&world).await;
        for (one, (run, _)) in tries.iter().zip(runs) {
            let state = process.commands.load_run(run).await.unwrap().state;
            assert_eq!(state.stuck_on.as_ref(), Some(&one.step), "{saga:?}");
            world.plans.lift(&one.project, one.step.as_str());
            let state = one.retried(&process, run).await;
            let end = (state.status, state.left_behind());
            assert_eq!(end, (RunStatus::Failed, vec![]), "{saga:?}: {}", one.step);
        }
        process.end().await;
    });
}

/// The time of the next try of an undoing has not come when the process dies; the next one waits for it, too.
fn waiting_for_a_retry_of_the_undoing(saga: Saga) {
    let outside = runtime();
    let world = Arc::new(outside.block_on(World::new()));
    let (tries, _) = tries(&outside, &world, saga);
    let twin = outside.block_on(async {
        // What a project has before, to compare with.
        let process = world.process(false).await;
        saga.prepare(&process, "untouched").await;
        process.end().await;
        world.of("untouched")
    });
    let ask = |one: &Try| {
        let sabotage = Sabotage::WorkThenFailForGoodAndUndoLater(LONG);
        world.plans.set(&one.project, one.step.as_str(), sabotage);
    };
    let waits = |state: &Run, step: &StepId| {
        let step = &state.steps[step];
        step.compensation_failures > 0 && step.not_before.is_some()
    };
    let runs = dies_when(&world, saga, &tries, ask, waits);
    outside.block_on(async {
        let process = second(&world).await;
        for (one, (run, before)) in tries.iter().zip(runs) {
            let state = process.commands.load_run(run).await.unwrap().state;
            assert_eq!(state.status, RunStatus::Unwinding, "{saga:?}: {}", one.step);
            assert_eq!(
                state.steps[&one.step], before.steps[&one.step],
                "{saga:?}: {}",
                one.step
            );
            let state = one.retried(&process, run).await;
            let end = (state.status, state.left_behind());
            assert_eq!(end, (RunStatus::Failed, vec![]), "{saga:?}: {}", one.step);
            assert_eq!(world.of(&one.project), twin, "{saga:?}: {}", one.step);
        }
        process.end().await;
    });
}

/// The time of the next try comes in the second process, and not before.
#[test]
fn a_timer_goes_on_in_another_process() {
    let outside = runtime();
    let world = Arc::new(outside.block_on(World::new()));
    let one = [Try {
        project: project(0),
        step: "harbor.robot".parse().unwrap(),
    }];
    let ask = |one: &Try| {
        let sabotage = Sabotage::AskToWait(4_000);
        world.plans.set(&one.project, one.step.as_str(), sabotage);
    };
    let runs = dies_when(&world, Saga::Provision, &one, ask, waits);
    let (run, before) = &runs[0];
    let due = before.steps[&one[0].step].not_before.unwrap();
    outside.block_on(async {
        let process = world.process(false).await;
        let tried = |state: &Run| !waits(state, &one[0].step);
        process.until(*run, tried).await;
        assert!(Utc::now() >= due, "it was tried again too early");
        process.succeeds(*run).await;
        process.end().await;
    });
}

macro_rules! tests {
    ($($how:ident: $($name:ident = $saga:ident),*;)*) => {$(
        mod $how {
            use super::Saga;
            $(#[test] fn $name() { super::$how(Saga::$saga); })*
        }
    )*};
}
tests! {
    waiting_for_a_retry: provision = Provision, add_component = AddComponent, add_environment = AddEnvironment,
        decommission = Decommission, promote = Promote;
    stuck_forwards: provision = Provision, add_component = AddComponent, add_environment = AddEnvironment,
        decommission = Decommission, promote = Promote;
    waiting_for_a_retry_of_the_undoing: provision = Provision, add_component = AddComponent,
        add_environment = AddEnvironment, promote = Promote;
    stuck_backwards: provision = Provision, add_component = AddComponent, add_environment = AddEnvironment,
        promote = Promote;
}
