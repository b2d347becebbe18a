//! On the way back, and where there is none.

use opstella_domain::DomainError;
use opstella_domain::resource::Provenance;
use opstella_domain::run::{FailureClass, RunCommand, RunEvent, StepPhase, Work};

use crate::given::{
    abandon, cancel, compensated, compensated_at, failed, failure, make, not_compensated, remove, run_after,
    stuck, success, success_as, undone, unwinding, when,
};
use crate::support::id;

use FailureClass::{Permanent, Transient, Unauthorised};

#[test]
fn a_permanent_failure_waits_for_steps_under_way_and_then_unwinds() {
    let commands = vec![make(), failure("a", 1, Permanent)];
    let run = run_after(commands.clone());
    assert_eq!(
        run.work(),
        [Work::Execute {
            step: id("c"),
            attempt: 1
        }]
    );
    // While c goes on, nothing is undone, and no report of it is taken.
    let early = when(commands.clone(), compensated("a"));
    assert!(
        matches!(early, Err(DomainError::StaleAttempt { .. })),
        "{early:?}"
    );
    let run = run_after([commands, vec![success("c", 1)]].concat());
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
fn unwinding_goes_step_by_step_in_reverse_order_of_completion() {
    let commands = vec![
        make(),
        success("c", 1),
        success("a", 1),
        failure("b", 1, Permanent),
    ];
    // b may have left something, and goes first; then a, then c. Nothing else is taken meanwhile.
    for wrong in ["a", "c"] {
        for command in [compensated(wrong), not_compensated(wrong, Permanent)] {
            let result = when(commands.clone(), command);
            assert!(
                matches!(result, Err(DomainError::StaleAttempt { .. })),
                "{wrong}: {result:?}"
            );
        }
    }
    let mut commands = commands;
    for step in ["b", "a"] {
        assert_eq!(
            when(commands.clone(), compensated(step)),
            Ok(vec![undone(step, true)])
        );
        commands.push(compensated(step));
    }
    let end = RunEvent::RunFailed {
        cause: "step b: no".into(),
        left_behind: vec![],
    };
    assert_eq!(when(commands, compensated("c")), Ok(vec![undone("c", true), end]));
}

#[test]
fn what_was_there_before_stays_and_what_was_adopted_is_looked_at() {
    let mut commands = vec![
        make(),
        success_as("c", 1, Provenance::Adopted),
        success_as("a", 1, Provenance::Existing),
        failure("b", 1, Permanent),
    ];
    let events = vec![undone("b", true), undone("a", false)];
    assert_eq!(when(commands.clone(), compensated("b")), Ok(events));
    commands.push(compensated("b"));
    let end = RunEvent::RunFailed {
        cause: "step b: no".into(),
        left_behind: vec![],
    };
    // The run may have kept a secret of its own for it.
    let looked_at = vec![undone("c", true), end];
    assert_eq!(when(commands, compensated("c")), Ok(looked_at));
}

#[test]
fn cancelling_undoes_what_was_made() {
    let commands = vec![
        make(),
        success("a", 1),
        cancel(),
        success("c", 1),
        failure("b", 1, Transient),
    ];
    // A step that fails while the run goes back is not tried again.
    let run = run_after(commands.clone());
    assert_eq!(run.steps[&id("b")].phase, StepPhase::Failed);
    let commands = [commands, vec![compensated("b"), compensated("c")]].concat();
    let end = RunEvent::RunCancelled {
        reason: "no more".into(),
        left_behind: vec![],
    };
    assert_eq!(when(commands, compensated("a")), Ok(vec![undone("a", true), end]));
}

#[test]
fn a_removal_never_goes_back() {
    for class in [Permanent, Unauthorised] {
        let events = when(vec![remove()], failure("a", 1, class)).unwrap();
        assert_eq!(events, [failed("a", 1, class), stuck("a", "no")]);
    }
    let gone = RunCommand::RecordSuccess {
        step: id("c"),
        attempt: 1,
        outcome: None,
        duration_ms: 5,
    };
    let commands = vec![remove(), gone, failure("a", 1, Permanent)];
    // What is gone is not left behind; what was not reached is.
    let end = RunEvent::RunAbandoned {
        reason: "no more".into(),
        left_behind: vec![id("a"), id("b")],
    };
    assert_eq!(when(commands, abandon()), Ok(vec![end]));
}

#[test]
fn a_compensation_reported_twice_counts_once() {
    // The engine decides anew when it could not learn whether an append was stored.
    let once = [unwinding(), vec![not_compensated("a", Transient)]].concat();
    for again in [
        not_compensated("a", Transient),
        compensated("a"),
        compensated_at("a", 3),
    ] {
        let result = when(once.clone(), again);
        assert!(
            matches!(result, Err(DomainError::StaleAttempt { current: 2, .. })),
            "{result:?}"
        );
    }
    assert_eq!(when(once, compensated_at("a", 2)), Ok(vec![undone("a", true)]));
}
