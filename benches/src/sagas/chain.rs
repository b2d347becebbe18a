//! Runs whose plan is a chain: each step waits for the one before.

use chrono::Utc;
use opstella_domain::naming::KubernetesName;
use opstella_domain::operation::Operation;
use opstella_domain::plan::{Plan, PlannedStep, SagaKind};
use opstella_domain::run::{Run, RunCommand};
use opstella_domain::{Decide, RunId, ServiceKey};
use opstella_journal::{Append, EventMetadata, Journal, Loaded, StreamAppend};
use uuid::Uuid;

use crate::BenchError;

/// The chain's plan.
pub fn plan(steps: usize) -> Result<Plan, BenchError> {
    let id = |index: usize| format!("kubernetes.service-account/{index}").parse();
    let step = |index: usize| -> Result<PlannedStep, BenchError> {
        let before = index.checked_sub(1).map(id).transpose()?;
        Ok(PlannedStep {
            id: id(index)?,
            connection: "main".parse()?,
            operation: Operation::KubernetesServiceAccount {
                namespace: KubernetesName::fixed("payments--checkout--dev"),
                name: KubernetesName::fixed("workload"),
            },
            depends_on: before.into_iter().collect(),
        })
    };
    Ok(Plan::new((0..steps).map(step).collect::<Result<_, _>>()?)?)
}

/// Stores a new run of the plan, as a command would.
pub async fn start(journal: &Journal, plan: Plan) -> Result<RunId, BenchError> {
    let run = RunId(Uuid::now_v7());
    let service = ServiceKey {
        project: "payments".parse()?,
        service: "checkout".parse()?,
    };
    let saga = SagaKind::ProvisionService;
    let command = RunCommand::Plan {
        run,
        saga,
        service,
        adopt: false,
        at: Utc::now(),
        environment: None,
        plan,
    };
    let fresh = Loaded::<Run>::absent(run.to_string());
    let stream = StreamAppend::of(&fresh, fresh.state.decide(command)?)?;
    let metadata = EventMetadata::new("bench", "PlanRun", run.to_string());
    journal.append(Append::new(metadata, vec![stream])).await?;
    Ok(run)
}
