//! A compensation that keeps failing: the run is stuck, visible, and an operator ends it.

use futures::future::join_all;
use opstella_domain::plan::StepId;
use opstella_domain::resource::Provenance;
use opstella_domain::run::{Run, RunStatus, StepPhase};
use tokio_util::sync::CancellationToken;

use crate::saboteur::Sabotage;
use crate::saga::{Saga, project};
use crate::world::{World, context};

/// What the operator does.
#[derive(Debug, Clone, Copy)]
enum Operator {
    Retries,
    Skips,
    Abandons,
}

/// Everything else is made; then the last step fails for good, and the undoing of each other step in turn.
async fn stuck_then(saga: Saga, operator: Operator) {
    let world = World::new().await;
    let process = world.process(false).await;
    let steps = saga.steps(&process).await;
    let last = match saga {
        Saga::Promote => "kubernetes.smoke/api".to_owned(),
        _ => steps
            .iter()
            .rfind(|step| step.starts_with("argocd.application/"))
            .unwrap()
            .clone(),
    };
    let others: Vec<_> = steps.iter().filter(|s| **s != last).cloned().collect();
    let projects: Vec<_> = (0..others.len()).map(project).collect();
    join_all(projects.iter().map(|p| saga.prepare(&process, p))).await;
    let before = world.everything();
    let tries = projects.iter().zip(&others).map(async |(project, step)| {
        let now = CancellationToken::new();
        world.plans.set(project, &last, Sabotage::FailWhen(now.clone()));
        world.plans.set(project, step, Sabotage::FailUndo);
        let run = saga.start(&process, project).await;
        let made = |state: &Run| {
            let done = |id: &StepId| state.steps[id].phase == StepPhase::Succeeded;
            state.steps.keys().all(|id| id.as_str() == last || done(id))
        };
        let provenance = process.until(run, made).await.steps[&step.parse().unwrap()].provenance;
        now.cancel();
        let state = process.settled(run).await;
        if provenance == Some(Provenance::Existing) {
            // There is nothing to undo.
            assert_eq!(state.status, RunStatus::Failed, "{step}");
            return;
        }
        assert_eq!(
            state.status,
            RunStatus::Stuck { unwinding: true },
            "{step}: {}",
            state.cause_text()
        );
        assert_eq!(state.stuck_on.as_ref().unwrap().as_str(), step);
        world.plans.lift(project, step);
        let (commands, id) = (&process.commands, step.parse().unwrap());
        match operator {
            Operator::Retries => {
                commands.retry_step(&context(), run, id).await.unwrap();
                let state = process.settled(run).await;
                assert_eq!(
                    (state.status, state.left_behind()),
                    (RunStatus::Failed, vec![]),
                    "{step}"
                );
            }
            Operator::Skips => {
                commands
                    .skip_step(&context(), run, id, "by hand".into())
                    .await
                    .unwrap();
                let state = process.settled(run).await;
                assert_eq!(state.status, RunStatus::Failed, "{step}");
                assert_eq!(
                    state.left_behind().iter().map(|s| s.as_str()).collect::<Vec<_>>(),
                    [step]
                );
            }
            Operator::Abandons => {
                commands
                    .abandon_run(&context(), run, "given up".into())
                    .await
                    .unwrap();
                let state = process.settled(run).await;
                assert_eq!(state.status, RunStatus::Abandoned);
                assert!(state.left_behind().iter().any(|s| s.as_str() == step));
            }
        }
    });
    join_all(tries).await;
    if matches!(operator, Operator::Retries) {
        assert_eq!(world.everything(), before);
    }
    process.end().await;
}

macro_rules! sagas {
    ($($module:ident: $operator:ident),*) => {$(
        mod $module {
            use super::*;
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn provision() { stuck_then(Saga::Provision, Operator::$operator).await; }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn add_component() { stuck_then(Saga::AddComponent, Operator::$operator).await; }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn add_environment() { stuck_then(Saga::AddEnvironment, Operator::$operator).await; }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn promote() { stuck_then(Saga::Promote, Operator::$operator).await; }
        }
    )*};
}
sagas!(retry_step_ends_it: Retries, skip_step_ends_it: Skips, abandon_run_ends_it: Abandons);
