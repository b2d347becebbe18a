//! Every command of a run in every status, and what follows.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use cqrs_es::test::TestFramework;
use opstella_domain::plan::{Plan, SagaKind};
use opstella_domain::resource::Provenance;
use opstella_domain::run::{
    FailureClass, MAX_ATTEMPTS, MAX_COMPENSATION_ATTEMPTS, Run, RunCommand, RunEvent, RunStatus, StepPhase,
    UnwindCause, Work,
};
use opstella_domain::{Decide, DomainError};
use support::{at, id, key, outcome, plan, run_id};

use FailureClass::{Permanent, Transient, Unauthorised};

fn diamond() -> Plan {
    plan(&[("a", &[]), ("b", &["a"]), ("c", &[])])
}

fn plan_run(saga: SagaKind, plan: Plan) -> RunCommand {
    RunCommand::Plan {
        run: run_id(1),
        saga,
        service: key(),
        adopt: false,
        at: at(),
        environment: None,
        plan,
    }
}

fn make() -> RunCommand {
    plan_run(SagaKind::ProvisionService, diamond())
}

fn remove() -> RunCommand {
    plan_run(SagaKind::DecommissionService, diamond())
}

fn success(step: &str, attempt: u32) -> RunCommand {
    success_as(step, attempt, Provenance::Created)
}

fn success_as(step: &str, attempt: u32, provenance: Provenance) -> RunCommand {
    RunCommand::RecordSuccess {
        step: id(step),
        attempt,
        outcome: Some(outcome(provenance)),
        duration_ms: 5,
    }
}

fn failure(step: &str, attempt: u32, class: FailureClass) -> RunCommand {
    RunCommand::RecordFailure {
        step: id(step),
        attempt,
        class,
        message: "no".into(),
        retry_at: at(),
        duration_ms: 5,
    }
}

fn compensated(step: &str) -> RunCommand {
    compensated_at(step, 1)
}

fn compensated_at(step: &str, attempt: u32) -> RunCommand {
    RunCommand::RecordCompensated {
        step: id(step),
        attempt,
        deleted: true,
        duration_ms: 5,
    }
}

fn not_compensated(step: &str, class: FailureClass) -> RunCommand {
    not_compensated_at(step, 1, class)
}

fn not_compensated_at(step: &str, attempt: u32, class: FailureClass) -> RunCommand {
    RunCommand::RecordCompensationFailure {
        step: id(step),
        attempt,
        class,
        message: "locked".into(),
        retry_at: at(),
    }
}

fn retry(step: &str) -> RunCommand {
    RunCommand::RetryStep { step: id(step) }
}

fn skip(step: &str) -> RunCommand {
    RunCommand::SkipStep {
        step: id(step),
        reason: "by hand".into(),
    }
}

fn cancel() -> RunCommand {
    RunCommand::Cancel {
        reason: "no more".into(),
    }
}

fn abandon() -> RunCommand {
    RunCommand::Abandon {
        reason: "no more".into(),
    }
}

/// The events of commands that are all taken.
fn history(commands: Vec<RunCommand>) -> Vec<RunEvent> {
    let (mut run, mut events) = (Run::default(), vec![]);
    for command in commands {
        let text = format!("{command:?}");
        for event in run.decide(command).unwrap_or_else(|e| panic!("{text}: {e}")) {
            run.evolve(event.clone());
            events.push(event);
        }
    }
    events
}

fn run_after(commands: Vec<RunCommand>) -> Run {
    let mut run = Run::default();
    history(commands).into_iter().for_each(|event| run.evolve(event));
    run
}

fn when(commands: Vec<RunCommand>, command: RunCommand) -> Result<Vec<RunEvent>, DomainError> {
    TestFramework::<Run>::with(())
        .given(history(commands))
        .when(command)
        .inspect_result()
}

fn started(step: &str, attempt: u32) -> RunEvent {
    RunEvent::StepStarted {
        step: id(step),
        attempt,
    }
}

fn failed(step: &str, attempt: u32, class: FailureClass) -> RunEvent {
    RunEvent::StepFailed {
        step: id(step),
        attempt,
        class,
        message: "no".into(),
        duration_ms: 5,
    }
}

fn succeeded(step: &str, attempt: u32) -> RunEvent {
    RunEvent::StepSucceeded {
        step: id(step),
        attempt,
        outcome: Some(outcome(Provenance::Created)),
        duration_ms: 5,
    }
}

fn undone(step: &str, deleted: bool) -> RunEvent {
    let duration_ms = if deleted { 5 } else { 0 };
    RunEvent::StepCompensated {
        step: id(step),
        deleted,
        duration_ms,
    }
}

fn stuck(step: &str, message: &str) -> RunEvent {
    RunEvent::RunStuck {
        step: id(step),
        message: message.into(),
    }
}

fn unwind_by(step: &str) -> RunEvent {
    let cause = UnwindCause::StepFailed {
        step: id(step),
        message: "no".into(),
    };
    RunEvent::UnwindStarted { cause }
}

fn unwinding() -> Vec<RunCommand> {
    vec![make(), success("c", 1), failure("a", 1, Permanent)]
}

fn stuck_back() -> Vec<RunCommand> {
    [unwinding(), vec![not_compensated("a", Permanent)]].concat()
}

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
fn a_run_is_planned_once() {
    let expected = DomainError::AlreadyExists {
        kind: "run",
        id: run_id(1).to_string(),
    };
    assert_eq!(when(vec![make()], make()), Err(expected));
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

mod awaited {
    use chrono::TimeDelta;

    use super::*;
    use opstella_domain::Tool;
    use opstella_domain::operation::Operation;

    fn after(events: &mut Vec<RunEvent>, command: RunCommand) -> Run {
        let mut run = Run::default();
        events.iter().cloned().for_each(|event| run.evolve(event));
        for event in run.decide(command).unwrap() {
            run.evolve(event.clone());
            events.push(event);
        }
        run
    }

    fn awaited(step: &str, attempt: u32, back: bool, minutes: i64) -> RunCommand {
        let at = at() + TimeDelta::minutes(minutes);
        RunCommand::RecordAwaited {
            step: id(step),
            attempt,
            back,
            message: "Progressing".into(),
            at,
            look_at: at + TimeDelta::seconds(5),
        }
    }

    #[test]
    fn a_step_that_waits_is_looked_at_again_and_has_not_failed() {
        let mut events = Vec::new();
        after(&mut events, make());
        let run = after(&mut events, awaited("a", 1, false, 0));
        assert_eq!(run.steps[&id("a")].phase, StepPhase::Waiting);
        assert_eq!(run.steps[&id("a")].failures, 0);
        assert!(matches!(&run.work()[0], Work::Retry { attempt: 2, .. }));
        let run = after(
            &mut events,
            RunCommand::StartRetry {
                step: id("a"),
                attempt: 2,
            },
        );
        assert_eq!(run.steps[&id("a")].phase, StepPhase::Running);
    }

    #[test]
    fn patience_ends_and_the_run_turns_round() {
        let patience = Operation::GitlabGroup {
            group: "payments".parse().unwrap(),
        }
        .patience();
        let minutes = i64::try_from(patience.as_secs() / 60).unwrap();
        let mut events = Vec::new();
        after(&mut events, make());
        after(&mut events, awaited("a", 1, false, 0));
        let again = |attempt| RunCommand::StartRetry {
            step: id("a"),
            attempt,
        };
        after(&mut events, again(2));
        let run = after(&mut events, awaited("a", 2, false, minutes - 1));
        assert_eq!(run.status, RunStatus::Running);
        after(&mut events, again(3));
        let run = after(&mut events, awaited("a", 3, false, minutes));
        assert_eq!(run.status, RunStatus::Unwinding);
        assert!(
            run.cause_text().contains("not done within"),
            "{}",
            run.cause_text()
        );
    }

    #[test]
    fn a_webhook_of_the_tool_makes_it_look_at_once() {
        let mut events = Vec::new();
        after(&mut events, make());
        after(&mut events, awaited("a", 1, false, 0));
        let run = after(&mut events, RunCommand::LookAgain { tool: Tool::Harbor });
        assert_eq!(run.steps[&id("a")].phase, StepPhase::Waiting, "another tool's");
        let run = after(&mut events, RunCommand::LookAgain { tool: Tool::GitLab });
        assert_eq!(
            (run.steps[&id("a")].phase, run.steps[&id("a")].attempt),
            (StepPhase::Running, 2)
        );
    }

    #[test]
    fn a_compensation_that_waits_for_too_long_is_stuck() {
        let mut events = Vec::new();
        after(&mut events, make());
        let done = |step: &str| RunCommand::RecordSuccess {
            step: id(step),
            attempt: 1,
            outcome: Some(outcome(opstella_domain::resource::Provenance::Created)),
            duration_ms: 1,
        };
        after(&mut events, done("a"));
        let reason = "no".into();
        after(&mut events, done("c"));
        after(&mut events, RunCommand::Cancel { reason });
        let failed = RunCommand::RecordFailure {
            step: id("b"),
            attempt: 1,
            class: Permanent,
            message: "no".into(),
            retry_at: at(),
            duration_ms: 1,
        };
        let run = after(&mut events, failed);
        let Work::Compensate { step, attempt, .. } = run.work()[0].clone() else {
            panic!("nothing to undo")
        };
        let run = after(&mut events, awaited(step.as_str(), attempt, true, 0));
        assert!(matches!(
            &run.work()[0],
            Work::Compensate {
                attempt: 2,
                not_before: Some(_),
                ..
            }
        ));
        assert_eq!(run.steps[&step].compensation_failures, 0);
        let run = after(&mut events, awaited(step.as_str(), 2, true, 60));
        assert_eq!(run.status, RunStatus::Stuck { unwinding: true });
    }
}
