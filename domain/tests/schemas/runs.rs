//! Runs.

use opstella_domain::plan::{SagaKind, plan_provision};
use opstella_domain::resource::Provenance;
use opstella_domain::run::{FailureClass, RunEvent, UnwindCause};
use opstella_domain::{Environment, EnvironmentSet};

use crate::fits::check;
use crate::support::{at, component, id, key, outcome, run_id, targets};

#[test]
fn run_events_fit() {
    let (step, reason, message) = (
        id("gitlab.project/api"),
        || "why".to_owned(),
        || "409: taken".to_owned(),
    );
    let step = || step.clone();
    let left_behind = vec![step()];
    let components = [component("api"), component("web")];
    let plan = plan_provision(&key(), &components, &EnvironmentSet::all(), &targets()).unwrap();
    let failed = |class| RunEvent::StepFailed {
        step: step(),
        attempt: 1,
        class,
        message: message(),
        duration_ms: 3,
    };
    let succeeded = |provenance: Option<Provenance>| RunEvent::StepSucceeded {
        step: step(),
        attempt: 1,
        outcome: provenance.map(outcome),
        duration_ms: 3,
    };
    let planned = |saga| RunEvent::RunPlanned {
        run: run_id(1),
        saga,
        service: key(),
        adopt: true,
        at: at(),
        environment: Some(Environment::Sit),
        plan: plan.clone(),
    };
    let comp_failed = |not_before| RunEvent::CompensationFailed {
        step: step(),
        attempt: 2,
        message: message(),
        not_before,
    };
    let cause = UnwindCause::StepFailed {
        step: step(),
        message: message(),
    };
    check(
        "Run",
        vec![
            planned(SagaKind::ProvisionService),
            planned(SagaKind::AddComponent),
            planned(SagaKind::AddEnvironment),
            planned(SagaKind::DecommissionService),
            planned(SagaKind::Promote),
            RunEvent::StepAwaited {
                step: step(),
                attempt: 1,
                message: message(),
                since: at(),
                not_before: at(),
            },
            RunEvent::CompensationAwaited {
                step: step(),
                attempt: 1,
                message: message(),
                since: at(),
                not_before: at(),
            },
            RunEvent::StepStarted {
                step: step(),
                attempt: 1,
            },
            succeeded(None),
            succeeded(Some(Provenance::Created)),
            succeeded(Some(Provenance::Existing)),
            succeeded(Some(Provenance::Adopted)),
            failed(FailureClass::Transient),
            failed(FailureClass::Permanent),
            failed(FailureClass::Unauthorised),
            RunEvent::StepRetryScheduled {
                step: step(),
                attempt: 2,
                not_before: at(),
            },
            RunEvent::StepRetryRequested { step: step() },
            RunEvent::StepSkipped {
                step: step(),
                reason: reason(),
            },
            RunEvent::UnwindStarted { cause },
            RunEvent::UnwindStarted {
                cause: UnwindCause::Cancelled { reason: reason() },
            },
            RunEvent::StepCompensated {
                step: step(),
                deleted: true,
                duration_ms: 3,
            },
            comp_failed(None),
            comp_failed(Some(at())),
            RunEvent::RunStuck {
                step: step(),
                message: message(),
            },
            RunEvent::RunSucceeded { left_behind: vec![] },
            RunEvent::RunFailed {
                cause: message(),
                left_behind: vec![],
            },
            RunEvent::RunCancelled {
                reason: reason(),
                left_behind: left_behind.clone(),
            },
            RunEvent::RunAbandoned {
                reason: reason(),
                left_behind,
            },
        ],
    );
}
