//! The second look at the gates, while the environment is held and nothing is changed yet.
//!
//! The append that starts a deployment expects the version of the environment only: what was appended to a policy, a
//! release or an image since the first look would be missed. This look comes after that append, so it sees all of it.

use chrono::Utc;
use opstella_domain::Decide;
use opstella_domain::operation::Operation;
use opstella_domain::plan::SagaKind;
use opstella_domain::policy::GateResult;
use opstella_domain::promotion::{EnvironmentCommand, EnvironmentEvent, EnvironmentKey, ServiceEnvironment};
use opstella_domain::run::{Run, RunCommand, RunStatus};

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
        if !checks(run, command) {
            return Ok(None);
        }
        let key = EnvironmentKey { service, environment };
        anew(async {
            let loaded = self.load::<ServiceEnvironment>(&key.to_string()).await?;
            let mut before = (*loaded.state).clone();
            let Some(promotion) = before
                .in_flight
                .as_mut()
                .filter(|p| p.run.is_some() && p.run == run.id)
            else {
                return Ok(None);
            };
            // As if it had not started: would it start now?
            let Some(run) = promotion.run.take() else {
                return Ok(None);
            };
            let promotion = promotion.clone();
            let evaluation = self.look_at_gates(&key, &promotion).await?;
            let members = self
                .members_among_approvers(&key.service.project, &promotion)
                .await?;
            let events = before.decide(EnvironmentCommand::Evaluate {
                promotion: promotion.id,
                evaluation: Box::new(evaluation),
                members,
                run,
                at: Utc::now(),
            })?;
            Ok(reason(&events, &promotion.gates))
        })
        .await
    }
}

/// How many gates a reason names.
const MOST_NAMED: usize = 5;

/// Whether the command says that a check of a promotion on its way succeeded: whichever is the last, changes come after it.
fn checks(run: &Run, command: &RunCommand) -> bool {
    let RunCommand::RecordSuccess { step, .. } = command else {
        return false;
    };
    let check = |operation: &Operation| {
        matches!(
            operation,
            Operation::ArgoHold { .. } | Operation::HarborArtifact { .. }
        )
    };
    let forward = matches!(
        run.status,
        RunStatus::Running | RunStatus::Stuck { unwinding: false }
    );
    run.saga == Some(SagaKind::Promote)
        && forward
        && run.step(step).is_some_and(|step| check(&step.operation))
}

fn reason(events: &[EnvironmentEvent], before: &[GateResult]) -> Option<String> {
    let starts = |event: &EnvironmentEvent| matches!(event, EnvironmentEvent::DeploymentStarted { .. });
    if events.iter().any(starts) {
        return None;
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
