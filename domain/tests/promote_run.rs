//! A run that carries a release: no step is left out on the way forward.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use opstella_domain::plan::{CarriedImage, Plan, SagaKind, StepId, plan_promote};
use opstella_domain::resource::Provenance;
use opstella_domain::run::{FailureClass, Run, RunCommand, RunStatus, StepPhase, Work};
use opstella_domain::{Decide, DomainError, Environment};
use support::promotion::{digest, name, version};
use support::{at, key, outcome, run_id, targets};

fn promotion() -> Plan {
    let images = ["api", "web"].map(|component| CarriedImage {
        component: name(component),
        digest: digest(component),
        previous: Some(digest("before")),
    });
    plan_promote(&key(), Environment::Prd, &version("2"), &images, &targets()).unwrap()
}

fn take(run: &mut Run, command: RunCommand) {
    let text = format!("{command:?}");
    let events = run.decide(command).unwrap_or_else(|e| panic!("{text}: {e}"));
    events.into_iter().for_each(|event| run.evolve(event));
}

fn failure(step: &StepId, attempt: u32, class: FailureClass) -> RunCommand {
    RunCommand::RecordFailure {
        step: step.clone(),
        attempt,
        class,
        message: "no".into(),
        retry_at: at(),
        duration_ms: 5,
    }
}

fn skip(step: &StepId) -> RunCommand {
    RunCommand::SkipStep {
        step: step.clone(),
        reason: "it will be fine".into(),
    }
}

/// A run with everything done but this step and what comes after it, which is under way.
fn before(step: &StepId) -> Run {
    let mut run = Run::default();
    let planned = RunCommand::Plan {
        run: run_id(1),
        saga: SagaKind::Promote,
        service: key(),
        adopt: false,
        at: at(),
        environment: Some(Environment::Prd),
        plan: promotion(),
    };
    take(&mut run, planned);
    loop {
        let others = run.work().into_iter().find_map(|work| match work {
            Work::Execute { step: other, attempt } if &other != step => Some((other, attempt)),
            _ => None,
        });
        let Some((other, attempt)) = others else {
            return run;
        };
        let success = RunCommand::RecordSuccess {
            step: other,
            attempt,
            outcome: Some(outcome(Provenance::Created)),
            duration_ms: 5,
        };
        take(&mut run, success);
    }
}

#[test]
fn no_step_is_left_out_on_the_way_forward() {
    use FailureClass::{Transient, Unauthorised};
    for step in promotion().steps() {
        for (class, accepts) in [
            (Transient, &["CancelRun", "RetryStep"][..]),
            (Unauthorised, &["RetryStep", "CancelRun", "AbandonRun"][..]),
        ] {
            let mut run = before(&step.id);
            assert_eq!(run.steps[&step.id].phase, StepPhase::Running, "{}", step.id);
            take(&mut run, failure(&step.id, 1, class));
            let refused = run.decide(skip(&step.id)).expect_err(step.id.as_str());
            let DomainError::WrongState {
                accepts: takes,
                state,
                ..
            } = &refused
            else {
                panic!("{}: {refused}", step.id)
            };
            assert_eq!(takes, accepts, "{}", step.id);
            assert!(state.contains("no step of a promotion is left out"), "{state}");
            take(
                &mut run,
                RunCommand::RetryStep {
                    step: step.id.clone(),
                },
            );
        }
    }
}

#[test]
fn what_cannot_be_undone_is_left_behind_by_an_operator() {
    for step in promotion().steps() {
        let mut run = before(&step.id);
        take(&mut run, failure(&step.id, 1, FailureClass::Permanent));
        assert_eq!(run.status, RunStatus::Unwinding, "{}", step.id);
        while !run.status.ended() {
            let Some(Work::Compensate { step, attempt, .. }) = run.work().pop() else {
                panic!("{:?}", run.work());
            };
            let refused = RunCommand::RecordCompensationFailure {
                step: step.clone(),
                attempt,
                class: FailureClass::Permanent,
                message: "locked".into(),
                retry_at: at(),
            };
            take(&mut run, refused);
            assert_eq!(run.status, RunStatus::Stuck { unwinding: true });
            take(&mut run, skip(&step));
            assert_eq!(run.steps[&step].phase, StepPhase::LeftBehind);
        }
        assert_eq!(run.status, RunStatus::Failed, "{}", step.id);
    }
}
