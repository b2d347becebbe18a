//! A compensation that keeps failing: the run is stuck, visible, and an operator ends it.

use futures::future::join_all;
use opstella_domain::run::RunStatus;

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

/// The last step fails for good, and the undoing of each other step in turn.
async fn stuck_then(saga: Saga, operator: Operator) {
    let world = World::new().await;
    let process = world.process(false).await;
    let steps = saga.steps(&process).await;
    // The step that depends on most others: when it fails, nearly everything is made already.
    let last = match saga {
        Saga::Promote => "kubernetes.smoke/api".to_owned(),
        _ => "argocd.application/api/dev".to_owned(),
    };
    let others: Vec<_> = steps.iter().filter(|s| **s != last).cloned().collect();
    let projects: Vec<_> = (0..others.len()).map(project).collect();
    join_all(projects.iter().map(|p| saga.prepare(&process, p))).await;
    let before = world.everything();
    let tries = projects.iter().zip(&others).map(async |(project, step)| {
        world.plans.set(project, &last, Sabotage::FailForGood);
        world.plans.set(project, step, Sabotage::FailUndo);
        let run = saga.start(&process, project).await;
        let state = process.settled(run).await;
        if state.status == RunStatus::Failed {
            // The step had not begun when the other one failed, or had made nothing: there was nothing to undo.
            let other = &state.steps[&step.parse().unwrap()];
            assert!(other.attempt == 0 || !other.made_something(), "{step}: {other:?}");
            return false;
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
        true
    });
    let stuck = join_all(tries).await.into_iter().filter(|stuck| *stuck).count();
    assert!(
        stuck > others.len() / 2,
        "only {stuck} of {} runs were stuck",
        others.len()
    );
    if matches!(operator, Operator::Retries) {
        assert_eq!(world.everything(), before);
    }
    process.end().await;
}

macro_rules! sagas {
    ($($name:ident: $saga:ident),*) => {
        $(mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn retry_step_ends_it() {
                stuck_then(Saga::$saga, Operator::Retries).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn skip_step_ends_it() {
                stuck_then(Saga::$saga, Operator::Skips).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn abandon_run_ends_it() {
                stuck_then(Saga::$saga, Operator::Abandons).await;
            }
        })*
    };
}
sagas!(provision: Provision, promote: Promote);
