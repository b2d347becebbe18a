//! The second look at the gates, while the environment is held and nothing is changed yet.
//!
//! The append that starts a deployment expects the version of the environment only: what was appended to a policy, a
//! release or an image since the first look would be missed. This look comes after that append, so it sees all of it.

use opstella_domain::operation::Operation;
use opstella_domain::plan::{PlannedStep, SagaKind, StepId};
use opstella_domain::policy::GateResult;
use opstella_domain::promotion::{EnvironmentEvent, EnvironmentKey, ServiceEnvironment};
use opstella_domain::run::{Run, RunCommand, RunStatus, StepPhase};

use super::settle::starts;
use crate::anew::anew;
use crate::{CommandError, Commands};

impl Commands {
    /// Why the promotion of a run does not go on after this command, which says that a step succeeded; `None` where it
    /// does, and where the command says something else.
    pub(crate) async fn closed_meanwhile(
        &self,
        run: &Run,
        command: &RunCommand,
    ) -> Result<Option<String>, CommandError> {
        let (Some(service), Some(environment)) = (run.service.clone(), run.environment) else {
            return Ok(None);
        };
        if !ends_checks(run, command) {
            return Ok(None);
        }
        let key = EnvironmentKey { service, environment };
        anew(async {
            let loaded = self.load::<ServiceEnvironment>(&key.to_string()).await?;
            let mut before = (*loaded.state).clone();
            let promotion = before.in_flight.as_mut().filter(|p| p.run == run.id);
            // As if it had not started: would it start now?
            let started = promotion.and_then(|p| p.run.take().map(|run| (p.clone(), run)));
            let Some((promotion, run)) = started else {
                return Ok(None);
            };
            let events = self.evaluated(&key, &before, &promotion, run).await?;
            Ok(reason(&events, &promotion.gates))
        })
        .await
    }
}

/// How many gates a reason names.
const MOST_NAMED: usize = 5;

/// Whether the command says that the last check of a promotion on its way succeeded: changes come after it.
fn ends_checks(run: &Run, command: &RunCommand) -> bool {
    let RunCommand::RecordSuccess { step: done, .. } = command else {
        return false;
    };
    let forward = matches!(
        run.status,
        RunStatus::Running | RunStatus::Stuck { unwinding: false }
    );
    let is_over = |step: &StepId| {
        let state = run.steps.get(step);
        step == done || state.is_some_and(|state| state.phase == StepPhase::Succeeded)
    };
    run.saga == Some(SagaKind::Promote)
        && forward
        && run.step(done).is_some_and(checks)
        && run
            .plan
            .steps()
            .iter()
            .filter(|step| checks(step))
            .all(|step| is_over(&step.id))
}

fn checks(step: &PlannedStep) -> bool {
    matches!(
        step.operation,
        Operation::ArgoHold { .. } | Operation::HarborArtifact { .. }
    )
}

fn reason(events: &[EnvironmentEvent], before: &[GateResult]) -> Option<String> {
    if starts(events) {
        return None;
    }
    let over = events.iter().find_map(|event| match event {
        EnvironmentEvent::PromotionFailed { cause, .. } => Some(cause.clone()),
        _ => None,
    });
    if over.is_some() {
        return over;
    }
    let gates = events.iter().find_map(|event| match event {
        EnvironmentEvent::GatesEvaluated { gates, .. } => Some(gates.as_slice()),
        _ => None,
    });
    let closed: Vec<String> = gates
        .unwrap_or(before)
        .iter()
        .filter(|gate| !gate.verdict.open())
        .take(MOST_NAMED)
        .map(|gate| gate.gate.to_string())
        .collect();
    Some(format!(
        "gates closed between the start and the first change: {}",
        closed.join(", ")
    ))
}
