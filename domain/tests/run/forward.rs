//! On the way forward: steps, tries, a new process.

use opstella_domain::DomainError;
use opstella_domain::run::{FailureClass, MAX_ATTEMPTS, RunCommand, RunEvent, UnwindCause};

use crate::given::{abandon, failed, failure, make, retry, run_after, started, succeeded, success, when};
use crate::support::{at, id, run_id};

use FailureClass::{Permanent, Transient, Unauthorised};

fn unwind_by(step: &str) -> RunEvent {
    let cause = UnwindCause::StepFailed {
        step: id(step),
        message: "no".into(),
    };
    RunEvent::UnwindStarted { cause }
}

#[test]
fn a_run_is_planned_once() {
    let expected = DomainError::AlreadyExists {
        kind: "run",
        id: run_id(1).to_string(),
    };
    assert_eq!(when(vec![make()], make()), Err(expected));
}

#[test]
fn planning_starts_every_free_step() {
    let events = when(vec![], make()).unwrap();
    assert!(matches!(events[0], RunEvent::RunPlanned { .. }));
    assert_eq!(events[1..], [started("a", 1), started("c", 1)]);
}

#[test]
fn a_success_starts_what_waited_for_it_and_the_last_one_ends_the_run() {
    assert_eq!(
        when(vec![make()], success("a", 1)),
        Ok(vec![succeeded("a", 1), started("b", 1)])
    );
    let all_but_c = vec![make(), success("a", 1), success("b", 1)];
    let end = vec![succeeded("c", 1), RunEvent::RunSucceeded { left_behind: vec![] }];
    assert_eq!(when(all_but_c, success("c", 1)), Ok(end));
}

#[test]
fn transient_failures_are_retried_so_often_in_all() {
    let scheduled = |attempt| RunEvent::StepRetryScheduled {
        step: id("a"),
        attempt,
        not_before: at(),
    };
    let mut commands = vec![make(), success("c", 1)];
    for attempt in 1..MAX_ATTEMPTS {
        let events = when(commands.clone(), failure("a", attempt, Transient)).unwrap();
        assert_eq!(events, [failed("a", attempt, Transient), scheduled(attempt + 1)]);
        commands.push(failure("a", attempt, Transient));
        let due = RunCommand::StartRetry {
            step: id("a"),
            attempt: attempt + 1,
        };
        assert_eq!(
            when(commands.clone(), due.clone()),
            Ok(vec![started("a", attempt + 1)])
        );
        commands.push(due);
    }
    let events = when(commands, failure("a", MAX_ATTEMPTS, Transient)).unwrap();
    assert_eq!(events, [failed("a", MAX_ATTEMPTS, Transient), unwind_by("a")]);
}

#[test]
fn a_new_process_starts_again_what_was_under_way() {
    let commands = vec![make(), failure("a", 1, Transient)];
    assert_eq!(
        when(commands.clone(), RunCommand::Resume),
        Ok(vec![started("c", 2)])
    );
    let commands = [commands, vec![RunCommand::Resume]].concat();
    for late in [success("c", 1), failure("c", 1, Permanent), success("c", 3)] {
        let result = when(commands.clone(), late);
        assert!(
            matches!(result, Err(DomainError::StaleAttempt { current: 2, .. })),
            "{result:?}"
        );
    }
    assert_eq!(when(commands, success("c", 2)), Ok(vec![succeeded("c", 2)]));
}

#[test]
fn a_run_that_has_ended_is_not_resumed() {
    // c is still under way when the run is given up.
    let commands = vec![make(), failure("a", 1, Unauthorised), abandon()];
    assert_eq!(run_after(commands.clone()).left_behind(), [id("a"), id("c")]);
    assert_eq!(when(commands.clone(), RunCommand::Resume), Ok(vec![]));
    let late = when(commands, success("c", 1));
    assert!(matches!(late, Err(DomainError::StaleAttempt { .. })), "{late:?}");
}

#[test]
fn an_operators_retry_overtakes_the_timer() {
    let commands = vec![make(), failure("a", 1, Transient)];
    let again = vec![RunEvent::StepRetryRequested { step: id("a") }, started("a", 2)];
    assert_eq!(when(commands.clone(), retry("a")), Ok(again));
    let timer = RunCommand::StartRetry {
        step: id("a"),
        attempt: 2,
    };
    let result = when([commands, vec![retry("a")]].concat(), timer);
    assert!(
        matches!(result, Err(DomainError::StaleAttempt { .. })),
        "{result:?}"
    );
}

#[test]
fn long_messages_are_cut() {
    let mut long = failure("a", 1, Permanent);
    if let RunCommand::RecordFailure { message, .. } = &mut long {
        *message = "\u{e9}".repeat(5000);
    }
    let events = when(vec![make()], long).unwrap();
    let RunEvent::StepFailed { message, .. } = &events[0] else {
        panic!("{events:?}")
    };
    assert_eq!(message.chars().count(), 1000);
}
