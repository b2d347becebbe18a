//! Steps that are under way in a tool.

use chrono::TimeDelta;
use opstella_domain::operation::Operation;
use opstella_domain::run::{FailureClass, Run, RunCommand, RunEvent, RunStatus, StepPhase, Work};
use opstella_domain::{Decide, Tool};

use crate::given::make;
use crate::support::{at, id, outcome};

use FailureClass::Permanent;

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
    let mut attempt = 1;
    let mut look = |minute| {
        attempt += 1;
        after(&mut events, again(attempt));
        after(&mut events, awaited("a", attempt, false, minute))
    };
    for minute in 1..minutes {
        assert_eq!(look(minute).status, RunStatus::Running, "{minute}");
    }
    let run = look(minutes);
    assert_eq!(run.status, RunStatus::Unwinding);
    assert!(
        run.cause_text().contains("not done within"),
        "{}",
        run.cause_text()
    );
}

#[test]
fn time_in_which_nobody_looked_is_no_reason_to_turn_round() {
    let patience = Operation::GitlabGroup {
        group: "payments".parse().unwrap(),
    }
    .patience();
    let minutes = i64::try_from(patience.as_secs() / 60).unwrap();
    let mut events = Vec::new();
    after(&mut events, make());
    after(&mut events, awaited("a", 1, false, 0));
    // Opstella was away for twice as long as it would have waited, or the clock was put forward.
    after(&mut events, RunCommand::Resume);
    let again = |attempt| RunCommand::StartRetry {
        step: id("a"),
        attempt,
    };
    after(&mut events, again(2));
    let back = 2 * minutes;
    let run = after(&mut events, awaited("a", 2, false, back));
    assert_eq!(run.status, RunStatus::Running);
    assert!(matches!(&run.work()[0], Work::Retry { attempt: 3, .. }));
    // What was left of its patience still is, and ends.
    let mut attempt = 3;
    let turned = (back + 1..back + 3 * minutes).find(|minute| {
        after(&mut events, again(attempt));
        let run = after(&mut events, awaited("a", attempt, false, *minute));
        attempt += 1;
        run.status == RunStatus::Unwinding
    });
    assert_eq!(turned, Some(back + minutes));
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
    // Nobody looked for an hour: that does not count.
    let run = after(&mut events, awaited(step.as_str(), 2, true, 60));
    assert_eq!(run.status, RunStatus::Unwinding);
    let mut attempt = 3;
    let run = loop {
        let minutes = 57 + i64::from(attempt);
        let run = after(&mut events, awaited(step.as_str(), attempt, true, minutes));
        if run.status != RunStatus::Unwinding || attempt > 200 {
            break run;
        }
        attempt += 1;
    };
    assert_eq!(run.status, RunStatus::Stuck { unwinding: true });
}
