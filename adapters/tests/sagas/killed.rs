//! The process dies at every step, before and after its work, forwards and backwards; another one finishes the run.
//!
//! A process is a tokio runtime with everything on it: shut down without notice it neither finishes nor says
//! anything, as after kill -9. (The binary itself is killed in the tests of `api`.)

use std::time::Duration;

use opstella_domain::run::RunStatus;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use crate::saboteur::Sabotage;
use crate::saga::{Saga, project};
use crate::world::{Process, World};

fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

/// The run is finished by a second process after the first one died at each step.
fn at_every_step(saga: Saga, sabotage: fn(CancellationToken) -> Sabotage) {
    let outside = runtime();
    let world = std::sync::Arc::new(outside.block_on(World::new()));
    let (steps, expected) = outside.block_on(async {
        let process = world.process(false).await;
        let steps = saga.steps(&process).await;
        process.end().await;
        (steps, world.of("plan"))
    });
    for (index, step) in steps.iter().enumerate() {
        let project = project(index);
        let died = CancellationToken::new();
        let first = runtime();
        let run = {
            let (world, project, died, step) = (world.clone(), project.clone(), died.clone(), step.clone());
            first.block_on(async move {
                let process = world.process(false).await;
                saga.prepare(&process, &project).await;
                world.plans.set(&project, &step, sabotage(died.clone()));
                let run = saga.start(&process, &project).await;
                let dead = tokio::time::timeout(Duration::from_secs(60), died.cancelled()).await;
                assert!(dead.is_ok(), "{step} was never carried out");
                // The process must not even drop its parts in order.
                std::mem::forget(process);
                run
            })
        };
        first.shutdown_background();
        outside.block_on(async {
            let second: Process = world.process(false).await;
            let state = second.settled(run).await;
            assert_eq!(
                state.status,
                RunStatus::Succeeded,
                "{saga:?}, killed at {step}: {}",
                state.cause_text()
            );
            assert_eq!(world.of(&project), expected, "{saga:?}, killed at {step}");
            second.end().await;
        });
    }
}

macro_rules! sagas {
    ($($name:ident: $saga:ident),*) => {
        mod before_the_work {
            use super::*;
            $(#[test] fn $name() { at_every_step(Saga::$saga, Sabotage::DieBefore); })*
        }
        mod after_the_work {
            use super::*;
            $(#[test] fn $name() { at_every_step(Saga::$saga, Sabotage::DieAfter); })*
        }
    };
}
sagas!(provision: Provision, add_component: AddComponent, add_environment: AddEnvironment, decommission: Decommission);
