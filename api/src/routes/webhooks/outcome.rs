//! What becomes of a webhook.

use actix_web::{HttpRequest, HttpResponse};
use opstella_domain::{InvalidValue, Tool};

use crate::http::client_address;
use crate::problem::{Problem, ProblemKind, internal};
use crate::state::AppState;

/// What became of a webhook that was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It led to something, or had before.
    Taken,
    /// It is about nothing that concerns us now.
    Ignored,
}

/// Counts a webhook of this address, before anything is done with it.
///
/// # Errors
/// 429 where it sends too many. Nothing is lost by that: what webhooks tell is asked for as well.
pub(super) fn admit(state: &AppState, request: &HttpRequest) -> Result<(), Problem> {
    state.rate.check(&client_address::bucket(request, "webhooks"))
}

/// What was stored and cannot be read back.
pub(super) fn damaged(error: &InvalidValue) -> Problem {
    internal(error.to_string())
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
