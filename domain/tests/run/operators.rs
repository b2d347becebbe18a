//! What operators may ask, and what they are told.

use opstella_domain::DomainError;
use opstella_domain::run::{FailureClass, RunCommand};

use crate::given::{
    abandon, cancel, compensated, failure, make, not_compensated, remove, retry, skip, stuck_back, success,
    unwinding, when,
};
use crate::support::{id, run_id};

use FailureClass::{Permanent, Transient, Unauthorised};

/// What becomes of a command.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Fate {
    Taken,
    /// The status takes the command, but not for step `a`.
    Field,
    Refused,
}

/// A status: what it is, its words in the error, how it comes about, what becomes of retry, skip, cancel and abandon,
/// and which of them the error names.
type Case = (
    &'static str,
    &'static str,
    Vec<RunCommand>,
    [Fate; 4],
    &'static [&'static str],
);

#[test]
fn every_operator_command_in_every_status() {
    use Fate::{Field, Refused, Taken};
    let stuck_forward = || vec![make(), failure("a", 1, Unauthorised)];
    let all = &["RetryStep", "SkipStep", "CancelRun", "AbandonRun"];
    let forward = &["CancelRun", "RetryStep", "SkipStep"];
    let back = &["RetryStep", "SkipStep"];
    let last = &["RetryStep", "SkipStep", "AbandonRun"];
    let end = [Refused; 4];
    let ended_well = vec![make(), success("a", 1), success("b", 1), success("c", 1)];
    let ended_badly = [unwinding(), vec![compensated("a"), compensated("c")]].concat();
    let cancelled = vec![
        make(),
        cancel(),
        success("a", 1),
        success("c", 1),
        compensated("c"),
        compensated("a"),
    ];
    let cases: Vec<Case> = vec![
        (
            "running",
            "running",
            vec![make()],
            [Field, Field, Taken, Refused],
            forward,
        ),
        (
            "waiting",
            "running",
            vec![make(), failure("a", 1, Transient)],
            [Taken, Taken, Taken, Refused],
            forward,
        ),
        ("stuck", "stuck on step a", stuck_forward(), [Taken; 4], all),
        (
            "unwinding",
            "unwinding",
            unwinding(),
            [Field, Field, Refused, Refused],
            back,
        ),
        (
            "unwinding, waiting",
            "unwinding",
            [unwinding(), vec![not_compensated("a", Transient)]].concat(),
            [Taken, Taken, Refused, Refused],
            back,
        ),
        (
            "stuck back",
            "stuck on step a",
            stuck_back(),
            [Taken, Taken, Refused, Taken],
            last,
        ),
        ("succeeded", "succeeded", ended_well, end, &[]),
        ("failed", "failed", ended_badly, end, &[]),
        ("cancelled", "cancelled", cancelled, end, &[]),
        (
            "abandoned",
            "abandoned",
            [stuck_forward(), vec![abandon()]].concat(),
            end,
            &[],
        ),
        (
            "removing",
            "running",
            vec![remove()],
            [Field, Field, Refused, Refused],
            back,
        ),
        (
            "removing, stuck",
            "stuck on step a",
            vec![remove(), failure("a", 1, Permanent)],
            [Taken, Taken, Refused, Taken],
            last,
        ),
    ];
    for (name, state, commands, fates, accepts) in cases {
        for (command, fate) in [retry("a"), skip("a"), cancel(), abandon()]
            .into_iter()
            .zip(fates)
        {
            let case = format!("{} while {name}", command.name());
            let asked = command.name();
            match (when(commands.clone(), command), fate) {
                (Ok(events), Taken) => assert!(!events.is_empty(), "{case}"),
                (Err(DomainError::Invalid { field, .. }), Field) => assert_eq!(field, "step", "{case}"),
                (Err(error), Refused) => {
                    let expected = DomainError::WrongState {
                        kind: "run",
                        id: run_id(1).to_string(),
                        state: state.into(),
                        command: asked,
                        accepts: accepts.to_vec(),
                    };
                    assert_eq!(error, expected, "{case}");
                }
                (result, fate) => panic!("{case}: {fate:?} expected, {result:?}"),
            }
        }
    }
}

#[test]
fn nothing_can_be_asked_of_a_run_that_is_not_there() {
    for command in [
        retry("a"),
        skip("a"),
        cancel(),
        abandon(),
        success("a", 1),
        failure("a", 1, Transient),
        compensated("a"),
        not_compensated("a", Transient),
        RunCommand::StartRetry {
            step: id("a"),
            attempt: 1,
        },
    ] {
        let name = command.name();
        let result = when(vec![], command);
        assert!(
            matches!(result, Err(DomainError::NotFound { .. })),
            "{name}: {result:?}"
        );
    }
    assert_eq!(when(vec![], RunCommand::Resume), Ok(vec![]));
}

#[test]
fn a_step_that_is_not_in_the_plan_is_not_found() {
    for command in [retry("x"), skip("x"), success("x", 1), compensated("x")] {
        let error = when(vec![make()], command).unwrap_err();
        assert_eq!(
            error,
            DomainError::NotFound {
                kind: "step",
                id: format!("x of run {}", run_id(1))
            }
        );
    }
}

#[test]
fn reasons_are_asked_for() {
    let commands = vec![make(), failure("a", 1, Unauthorised)];
    for reason in ["", "  ", &*"x".repeat(501)] {
        let reason = || reason.to_owned();
        for command in [
            RunCommand::SkipStep {
                step: id("a"),
                reason: reason(),
            },
            RunCommand::Cancel { reason: reason() },
            RunCommand::Abandon { reason: reason() },
        ] {
            let error = when(commands.clone(), command).unwrap_err();
            assert_eq!(error, DomainError::invalid("reason", "1 to 500 characters"));
        }
    }
}
