//! `opstella matrix`.

use chrono::Utc;
use clap::Args;
use opstella_domain::{Environment, ProjectSlug};
use serde_json::Value;

use super::path::{BASE, with_query};
use crate::answer::Answer;
use crate::context::Context;
use crate::error::ClientError;
use crate::output::{Cell, Table};
use crate::values::{ago, at, list, word_at, words};

/// Shows what runs where.
#[derive(Debug, Args)]
pub struct Matrix {
    /// Only of this project.
    #[arg(long, value_name = "PROJECT")]
    project: Option<ProjectSlug>,
    /// How many services at most.
    #[arg(long, default_value_t = 200, value_name = "N")]
    limit: usize,
}

/// Shows it.
pub(crate) async fn run(context: &Context, what: Matrix) -> Result<Answer, ClientError> {
    let parameters = [("project", what.project.map(|project| project.to_string()))];
    let path = with_query(&format!("{BASE}/matrix"), &parameters);
    let services = context.api()?.list(&path, what.limit).await?;
    let mut table = Table::new(["service"]);
    for environment in Environment::all() {
        table.column(environment.as_str());
    }
    for service in &services {
        let name = format!(
            "{}/{}",
            word_at(service, "/project"),
            word_at(service, "/service")
        );
        let mut row: Vec<Cell> = vec![name.into()];
        row.extend(Environment::all().map(|environment| cell(service, environment)));
        table.row_of(row);
    }
    Ok(Answer::of(Value::from(services)).table(table, "there is no service"))
}

/// What an environment runs, and what is to be said of it: `1.4.0 3d, degraded, drift, 1.5.0 comes`.
fn cell(service: &Value, environment: Environment) -> Cell {
    let all = list(at(service, "/environments"));
    let Some(found) = all
        .iter()
        .find(|one| word_at(one, "/environment") == environment.as_str())
    else {
        return "".into();
    };
    let release = word_at(found, "/release");
    let mut parts = Vec::new();
    if !release.is_empty() {
        parts.push(
            format!("{release} {}", ago(at(found, "/since"), Utc::now()))
                .trim()
                .to_owned(),
        );
    }
    let health = word_at(found, "/health").to_lowercase();
    if !matches!(health.as_str(), "" | "healthy" | "unknown") {
        parts.push(health.clone());
    }
    let drift = said(at(found, "/drift"));
    if drift.is_some() {
        parts.push("drift".to_owned());
    }
    if let Some(coming) = said(at(found, "/in_flight")) {
        parts.push(format!("{coming} in flight"));
    }
    if let Some(waiting) = said(at(found, "/waiting")) {
        parts.push(format!("{waiting} waiting"));
    }
    let text = parts.join(", ");
    if drift.is_some() {
        Cell::toned(text, "drifted")
    } else {
        Cell::toned(text, &health)
    }
}

/// What a field says, where it says anything: a release, a number, or that there is something.
fn said(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::Bool(true) => Some("a release".to_owned()),
        Value::Number(number) if number.as_u64() == Some(0) => None,
        Value::Array(all) if all.is_empty() => None,
        Value::Array(all) => Some(all.len().to_string()),
        Value::Object(_) => match word_at(value, "/release") {
            release if release.is_empty() => Some("a release".to_owned()),
            release => Some(release),
        },
        other => Some(words(other)).filter(|text| !text.is_empty()),
    }
}
