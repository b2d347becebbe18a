//! SonarQube's quality gate: what it sends to webhooks, and what it answers when asked.

use serde::Deserialize;

use crate::ReportError;
use crate::expected::Named;
use crate::json::{self, Text};
use crate::parsed::Body;

const FORMAT: &str = "SonarQube's quality gate";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Webhook<'a> {
    /// Of the analysis, not of the gate.
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    analysed_at: Option<Text<'a>>,
    /// When it was sent: also after somebody resolved an issue, of the same analysis.
    #[serde(borrow)]
    changed_at: Option<Text<'a>>,
    #[serde(borrow)]
    revision: Option<Text<'a>>,
    #[serde(borrow)]
    quality_gate: Option<Gate<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(borrow)]
    project_status: Option<Gate<'a>>,
}

#[derive(Deserialize)]
struct Gate<'a> {
    #[serde(borrow)]
    status: Option<Text<'a>>,
}

/// Reads what a webhook is sent.
pub(crate) fn read_webhook(text: &[u8]) -> Result<Body, ReportError> {
    let webhook: Webhook<'_> = json::read(text, FORMAT)?;
    if !matches!(Text::or_empty(&webhook.status), "SUCCESS" | "") {
        return Err(unfinished("the analysis did not succeed"));
    }
    let mut named = Named::default();
    named.set_commit(Text::or_empty(&webhook.revision));
    Ok(Body {
        tool: "sonarqube".to_owned(),
        produced_at: json::instant(&webhook.changed_at).max(json::instant(&webhook.analysed_at)),
        failed: failed(webhook.quality_gate.as_ref())?,
        named,
        ..Body::default()
    })
}

/// Reads the answer of `api/qualitygates/project_status`.
pub(crate) fn read_status(text: &[u8]) -> Result<Body, ReportError> {
    let answer: Answer<'_> = json::read(text, FORMAT)?;
    Ok(Body {
        tool: "sonarqube".to_owned(),
        failed: failed(answer.project_status.as_ref())?,
        ..Body::default()
    })
}

fn failed(gate: Option<&Gate<'_>>) -> Result<bool, ReportError> {
    match gate.map(|gate| Text::or_empty(&gate.status)) {
        Some("OK") => Ok(false),
        Some("ERROR") => Ok(true),
        Some("NONE") | None => Err(unfinished("no quality gate was evaluated")),
        Some(_) => Err(unfinished("the quality gate's status is neither OK nor ERROR")),
    }
}

fn unfinished(why: &str) -> ReportError {
    ReportError::Unfinished { why: why.to_owned() }
}
