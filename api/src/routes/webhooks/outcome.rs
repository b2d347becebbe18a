//! What becomes of a webhook.

use actix_web::HttpResponse;
use opstella_domain::Tool;

use crate::problem::{Problem, ProblemKind};

/// What became of a webhook that was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It led to something, or had before.
    Taken,
    /// It is about nothing that concerns us now.
    Ignored,
}

/// Counts and answers. Who sends it learns no more than that it was taken.
pub(super) fn answer(tool: Tool, result: Result<Outcome, Problem>) -> Result<HttpResponse, Problem> {
    let outcome = match &result {
        Ok(Outcome::Taken) => "taken",
        Ok(Outcome::Ignored) => "ignored",
        Err(problem) if problem.status < 500 => "refused",
        Err(_) => "failed",
    };
    let tool = tool.slug();
    metrics::counter!("opstella_webhooks_total", "tool" => tool, "outcome" => outcome).increment(1);
    result.map(|_| HttpResponse::Accepted().finish())
}

/// The refusal of what is not signed as it should be. It does not say what is wrong: whether there is such a component
/// is nobody's business who cannot sign for it.
pub(super) fn unsigned(how: &str) -> Problem {
    Problem::new(
        ProblemKind::Unauthenticated,
        "the webhook is not signed by a secret that is known here",
    )
    .hint(format!("the tool has to send {how}"))
}
