//! Waiting for an operator.

use opstella_domain::DomainError;
use opstella_domain::run::{FailureClass, MAX_COMPENSATION_ATTEMPTS, RunEvent, RunStatus, Work};

use crate::given::{
    abandon, compensated, failure, make, not_compensated, not_compensated_at, retry, run_after, skip,
    started, stuck, stuck_back, success, undone, unwinding, when,
};
use crate::support::{at, id};

use FailureClass::{Permanent, Transient, Unauthorised};

#[test]
fn a_refused_credential_makes_the_run_stuck_and_others_go_on() {
    let commands = vec![make(), failure("c", 1, Unauthorised)];
    let run = run_after(commands.clone());
    assert_eq!(
        (run.status, run.stuck_on.clone()),
        (RunStatus::Stuck { unwinding: false }, Some(id("c")))
    );
    assert_eq!(
        run.work(),
        [Work::Execute {
            step: id("a"),
            attempt: 1
        }]
    );
    // a ends well meanwhile; what waits for it starts when the run goes on.
    let commands = [commands, vec![success("a", 1)]].concat();
    let again = vec![
        RunEvent::StepRetryRequested { step: id("c") },
        started("c", 2),
        started("b", 1),
    ];
    assert_eq!(when(commands.clone(), retry("c")), Ok(again));
    let skipped = RunEvent::StepSkipped {
        step: id("c"),
        reason: "by hand".into(),
    };
    assert_eq!(when(commands, skip("c")), Ok(vec![skipped, started("b", 1)]));
}

#[test]
fn a_run_that_is_stuck_on_two_steps_needs_both_dealt_with() {
    let commands = vec![
        make(),
        failure("a", 1, Unauthorised),
        failure("c", 1, Unauthorised),
        retry("c"),
    ];
    let run = run_after(commands.clone());
    assert_eq!(
        (run.status, run.stuck_on),
        (RunStatus::Stuck { unwinding: false }, Some(id("a")))
    );
    assert_eq!(
        run_after([commands, vec![skip("a")]].concat()).status,
        RunStatus::Running
    );
}

#[test]
fn a_skipped_step_is_undone_after_what_stands_on_it() {
    // a may have left something when its credential was refused; b was made on top of it.
    let commands = vec![
        make(),
        failure("a", 1, Unauthorised),
        skip("a"),
        success("b", 1),
        failure("c", 1, Permanent),
        compensated("c"),
    ];
    let run = run_after(commands.clone());
    assert_eq!(
        run.work(),
        [Work::Compensate {
            step: id("b"),
            not_before: None,
            attempt: 1
        }]
    );
    let run = run_after([commands, vec![compensated("b")]].concat());
    assert_eq!(
        run.work(),
        [Work::Compensate {
            step: id("a"),
            not_before: None,
            attempt: 1
        }]
    );
}

#[test]
fn a_compensation_that_keeps_failing_makes_the_run_stuck() {
    let not_undone = |attempt, not_before| RunEvent::CompensationFailed {
        step: id("a"),
        attempt,
        message: "locked".into(),
        not_before,
    };
    let mut commands = unwinding();
    let most = MAX_COMPENSATION_ATTEMPTS;
    for attempt in 1..most {
        let events = when(commands.clone(), not_compensated_at("a", attempt, Transient));
        assert_eq!(events, Ok(vec![not_undone(attempt, Some(at()))]));
        commands.push(not_compensated_at("a", attempt, Transient));
    }
    let last = when(commands, not_compensated_at("a", most, Transient));
    assert_eq!(last, Ok(vec![not_undone(most, None), stuck("a", "locked")]));
    for class in [Permanent, Unauthorised] {
        let events = when(unwinding(), not_compensated("a", class));
        assert_eq!(events, Ok(vec![not_undone(1, None), stuck("a", "locked")]));
    }
}

#[test]
fn a_stuck_compensation_is_ended_by_retry_skip_or_abandon() {
    assert!(run_after(stuck_back()).work().is_empty());
    let retried = run_after([stuck_back(), vec![retry("a")]].concat());
    assert_eq!(
        retried.work(),
        [Work::Compensate {
            step: id("a"),
            not_before: None,
            attempt: 2
        }]
    );

    let skipped = [stuck_back(), vec![skip("a")]].concat();
    let left_behind = RunEvent::RunFailed {
        cause: "step a: no".into(),
        left_behind: vec![id("a")],
    };
    assert_eq!(
        when(skipped, compensated("c")),
        Ok(vec![undone("c", true), left_behind])
    );

    let given_up = RunEvent::RunAbandoned {
        reason: "no more".into(),
        left_behind: vec![id("a"), id("c")],
    };
    assert_eq!(when(stuck_back(), abandon()), Ok(vec![given_up]));
}

#[test]
fn a_stuck_run_stays_stuck_until_its_own_step_is_dealt_with() {
    let result = when(stuck_back(), skip("c"));
    assert!(matches!(result, Err(DomainError::Invalid { .. })), "{result:?}");
    let result = when(stuck_back(), retry("c"));
    assert!(matches!(result, Err(DomainError::Invalid { .. })), "{result:?}");
}
