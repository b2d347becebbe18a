//! How runs and promotions ended, in words and for the shell.

use serde_json::Value;

use crate::exit::Exit;
use crate::values::{at, list, word_at, words};

/// How a run stands.
pub(super) fn of_run(run: &Value) -> (String, Exit) {
    let status = word_at(run, "/status");
    let steps = format!(
        "{} of {} steps",
        word_at(run, "/steps_done"),
        word_at(run, "/steps_total")
    );
    let because = ["/stuck_message", "/cause", "/end_reason"]
        .iter()
        .map(|pointer| word_at(run, pointer))
        .find(|text| !text.is_empty())
        .map_or_else(String::new, |text| format!(", because {text}"));
    let exit = match status.as_str() {
        "succeeded" => Exit::Done,
        _ => Exit::Failed,
    };
    (format!("{status} ({steps}){because}"), exit)
}

/// What a promotion waits for, or how it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stand {
    /// It came to this end, or waits for an operator.
    Over(Exit),
    /// It waits for gates, people or its turn.
    Waits,
    /// It deploys; so does a state that this client does not know.
    Works,
}

/// Whether the promotion's run waits for an operator: nothing more happens by itself.
fn is_stuck(promotion: &Value) -> bool {
    at(promotion, "/state") == "deploying" && at(promotion, "/run_status") == "stuck"
}

/// How a promotion stands.
pub(super) fn stand(promotion: &Value) -> Stand {
    if is_stuck(promotion) {
        return Stand::Over(Exit::Failed);
    }
    match at(promotion, "/state").as_str().unwrap_or_default() {
        "completed" => Stand::Over(Exit::Done),
        "rejected" | "cancelled" | "failed" | "rolled-back" => Stand::Over(Exit::Failed),
        "queued" | "blocked" | "waiting" => Stand::Waits,
        _ => Stand::Works,
    }
}

/// A promotion in one line.
pub(super) fn of_promotion(promotion: &Value) -> String {
    let word = |pointer| word_at(promotion, pointer);
    let line = if at(promotion, "/kind") == "rollback" {
        format!("rollback of {} to {}", word("/environment"), word("/release"))
    } else {
        format!("promotion of {} to {}", word("/release"), word("/environment"))
    };
    let line = format!("{line}: {}", word("/state"));
    match word("/cause") {
        cause if cause.is_empty() => line,
        cause => format!("{line}, because {cause}"),
    }
}

/// Why a promotion waits, for whomever, sentence by sentence, beyond what [`of_promotion`] says.
pub(super) fn explanation(promotion: &Value) -> Vec<String> {
    if stand(promotion) != Stand::Waits && !is_stuck(promotion) {
        return Vec::new();
    }
    let said = format!("is {}", word_at(promotion, "/state"));
    let sentences = list(at(promotion, "/explanation")).iter().map(words);
    sentences.filter(|sentence| !sentence.ends_with(&said)).collect()
}
