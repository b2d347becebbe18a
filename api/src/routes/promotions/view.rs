//! A promotion, explained.

use opstella_projections::queries::{Gate, PromotionDetail};
use serde::Serialize;
use utoipa::ToSchema;

/// A promotion, with what stands in its way in words.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PromotionView {
    /// The promotion.
    #[serde(flatten)]
    pub promotion: PromotionDetail,
    /// Why it is where it is, and what would move it on: one sentence a line.
    pub explanation: Vec<String>,
}

impl From<PromotionDetail> for PromotionView {
    fn from(promotion: PromotionDetail) -> Self {
        Self {
            explanation: explain(&promotion),
            promotion,
        }
    }
}

fn explain(detail: &PromotionDetail) -> Vec<String> {
    let promotion = &detail.promotion;
    let what = format!("release {} into {}", promotion.release, promotion.environment);
    let cause = promotion.cause.as_deref().unwrap_or("no reason was given");
    let run = promotion.run.map(|run| run.to_string()).unwrap_or_default();
    match promotion.state.as_str() {
        "queued" => vec![format!("{what} waits for the promotion in flight to end")],
        "deploying" if detail.run_status.as_deref() == Some("stuck") => {
            let step = detail.stuck_on.as_deref().unwrap_or("a step");
            vec![
                format!("{what} is stuck: run {run} cannot go on with {step}, and waits for an operator"),
                format!(
                    "To move it on: an owner or a platform admin looks at `GET /api/v1/runs/{run}`, mends what it says, \
                     and retries the step, or cancels or abandons the run"
                ),
            ]
        }
        "deploying" => vec![format!("{what} is being deployed by run {run}")],
        "completed" => vec![format!("{what} is done")],
        "blocked" | "waiting" => {
            let closed = promotion.closed_gates.iter().map(sentence);
            std::iter::once(format!("{what} is {}", promotion.state))
                .chain(closed)
                .collect()
        }
        over => vec![format!("{what} is over ({over}): {cause}")],
    }
}

fn sentence(gate: &Gate) -> String {
    match &gate.remedy {
        Some(remedy) => format!("{}: {}. To open it: {remedy}", gate.gate, gate.reason),
        None => format!("{}: {}", gate.gate, gate.reason),
    }
}
