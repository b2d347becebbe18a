//! Commands and events of a run, in few words, and what came of them.

use cqrs_es::test::TestFramework;
use opstella_domain::plan::{Plan, SagaKind};
use opstella_domain::resource::Provenance;
use opstella_domain::run::{FailureClass, Run, RunCommand, RunEvent};
use opstella_domain::{Decide, DomainError};

use crate::support::{at, id, key, outcome, plan, run_id};

use FailureClass::Permanent;

pub fn diamond() -> Plan {
    plan(&[("a", &[]), ("b", &["a"]), ("c", &[])])
}

pub fn plan_run(saga: SagaKind, plan: Plan) -> RunCommand {
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

pub fn make() -> RunCommand {
    plan_run(SagaKind::ProvisionService, diamond())
}

pub fn remove() -> RunCommand {
    plan_run(SagaKind::DecommissionService, diamond())
}

pub fn success(step: &str, attempt: u32) -> RunCommand {
    success_as(step, attempt, Provenance::Created)
}

pub fn success_as(step: &str, attempt: u32, provenance: Provenance) -> RunCommand {
    RunCommand::RecordSuccess {
        step: id(step),
        attempt,
        outcome: Some(outcome(provenance)),
        duration_ms: 5,
    }
}

pub fn failure(step: &str, attempt: u32, class: FailureClass) -> RunCommand {
    RunCommand::RecordFailure {
        step: id(step),
        attempt,
        class,
        message: "no".into(),
        retry_at: at(),
        duration_ms: 5,
    }
}

pub fn compensated(step: &str) -> RunCommand {
    compensated_at(step, 1)
}

pub fn compensated_at(step: &str, attempt: u32) -> RunCommand {
    RunCommand::RecordCompensated {
        step: id(step),
        attempt,
        deleted: true,
        duration_ms: 5,
    }
}

pub fn not_compensated(step: &str, class: FailureClass) -> RunCommand {
    not_compensated_at(step, 1, class)
}

pub fn not_compensated_at(step: &str, attempt: u32, class: FailureClass) -> RunCommand {
    RunCommand::RecordCompensationFailure {
        step: id(step),
        attempt,
        class,
        message: "locked".into(),
        retry_at: at(),
    }
}

pub fn retry(step: &str) -> RunCommand {
    RunCommand::RetryStep { step: id(step) }
}

pub fn skip(step: &str) -> RunCommand {
    RunCommand::SkipStep {
        step: id(step),
        reason: "by hand".into(),
    }
}

pub fn cancel() -> RunCommand {
    RunCommand::Cancel {
        reason: "no more".into(),
    }
}

pub fn abandon() -> RunCommand {
    RunCommand::Abandon {
        reason: "no more".into(),
    }
}

/// The events of commands that are all taken.
pub fn history(commands: Vec<RunCommand>) -> Vec<RunEvent> {
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

pub fn run_after(commands: Vec<RunCommand>) -> Run {
    let mut run = Run::default();
    history(commands).into_iter().for_each(|event| run.evolve(event));
    run
}

pub fn when(commands: Vec<RunCommand>, command: RunCommand) -> Result<Vec<RunEvent>, DomainError> {
    TestFramework::<Run>::with(())
        .given(history(commands))
        .when(command)
        .inspect_result()
}

pub fn started(step: &str, attempt: u32) -> RunEvent {
    RunEvent::StepStarted {
        step: id(step),
        attempt,
    }
}

pub fn failed(step: &str, attempt: u32, class: FailureClass) -> RunEvent {
    RunEvent::StepFailed {
        step: id(step),
        attempt,
        class,
        message: "no".into(),
        duration_ms: 5,
    }
}

pub fn succeeded(step: &str, attempt: u32) -> RunEvent {
    RunEvent::StepSucceeded {
        step: id(step),
        attempt,
        outcome: Some(outcome(Provenance::Created)),
        duration_ms: 5,
    }
}

pub fn undone(step: &str, deleted: bool) -> RunEvent {
    let duration_ms = if deleted { 5 } else { 0 };
    RunEvent::StepCompensated {
        step: id(step),
        deleted,
        duration_ms,
    }
}

pub fn stuck(step: &str, message: &str) -> RunEvent {
    RunEvent::RunStuck {
        step: id(step),
        message: message.into(),
    }
}

pub fn unwinding() -> Vec<RunCommand> {
    vec![make(), success("c", 1), failure("a", 1, Permanent)]
}

pub fn stuck_back() -> Vec<RunCommand> {
    [unwinding(), vec![not_compensated("a", Permanent)]].concat()
}
