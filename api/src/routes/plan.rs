//! Plans, as dry runs show them.

use opstella_domain::plan::Plan;
use opstella_projections::queries::RunDetail;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::problem::{Problem, internal};

/// What a run would do.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PlanView {
    /// The steps, each after all that it depends on.
    pub steps: Vec<PlannedStepView>,
    /// Steps on the longest chain: no run can be shorter.
    pub critical_path: u64,
}

/// What a service's creation may answer with 200.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(untagged)]
pub enum PlanOrRun {
    /// With `dry_run=true`.
    Plan(PlanView),
    /// With `Prefer: wait`, once the run has ended.
    Run(Box<RunDetail>),
}

/// One step of a plan.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PlannedStepView {
    /// Its name.
    #[schema(examples("gitlab.project/api"))]
    pub id: String,
    /// The tool that carries it out.
    #[schema(examples("gitlab"))]
    pub tool: String,
    /// The connection of the tool.
    pub connection: String,
    /// What it does, and with what.
    #[schema(value_type = Object)]
    pub operation: Value,
    /// The steps that come before.
    pub depends_on: Vec<String>,
}

impl PlanView {
    /// The view of a plan.
    ///
    /// # Errors
    /// Where an operation cannot be written as JSON.
    pub fn of(plan: &Plan) -> Result<Self, Problem> {
        let steps = plan.steps().iter().map(|step| {
            Ok(PlannedStepView {
                id: step.id.to_string(),
                tool: step.tool().to_string(),
                connection: step.connection.to_string(),
                operation: serde_json::to_value(&step.operation).map_err(internal)?,
                depends_on: step.depends_on.iter().map(ToString::to_string).collect(),
            })
        });
        Ok(Self {
            steps: steps.collect::<Result<_, Problem>>()?,
            critical_path: plan.critical_path(|_| 1),
        })
    }
}
