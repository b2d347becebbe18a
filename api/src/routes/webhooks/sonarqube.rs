//! SonarQube: an analysis has ended.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chrono::Utc;
use opstella_adapters::collector;
use opstella_commands::{AddEvidence, CommandContext, Report};
use opstella_domain::evidence::ReportKind;
use opstella_domain::naming::QualityKey;
use opstella_domain::release::{Commit, ReleaseKey};
use opstella_domain::{ComponentName, ServiceKey, Tool};
use opstella_evidence::{Expected, ReportError, parse};
use serde::Deserialize;
use utoipa::ToSchema;

use super::outcome::{Outcome, admit, answer, damaged, unsigned};
use super::signature::{only, signs};
use crate::http::current;
use crate::http::raw_body::RawBody;
use crate::problem::Problem;
use crate::state::AppState;

const SIGNATURE: &str = "X-Sonar-Webhook-HMAC-SHA256";

/// What SonarQube says of an analysis, as far as it is looked at; the whole is kept as the report.
#[derive(Debug, Deserialize, ToSchema)]
pub struct SonarqubeWebhook {
    /// Of which project.
    pub project: SonarqubeProject,
    /// Of which commit.
    pub revision: Option<String>,
    /// Of which branch.
    pub branch: Option<SonarqubeBranch>,
}

/// A quality project.
#[derive(Debug, Deserialize, ToSchema)]
pub struct SonarqubeProject {
    /// Its key.
    #[schema(examples("payments:checkout:api"))]
    pub key: String,
}

/// A branch, or a merge request.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SonarqubeBranch {
    /// Whether it is the project's main branch.
    pub is_main: Option<bool>,
}

/// Takes SonarQube's word on an analysis: its quality gate becomes evidence on the images that were built from the
/// commit. Before there is a release of it, nothing is kept: SonarQube is asked once the release is registered.
#[utoipa::path(post, path = "/api/v1/webhooks/sonarqube",
    operation_id = "ReceiveSonarqubeWebhook", tag = "webhooks",
    request_body(content = SonarqubeWebhook, description = "As SonarQube sends it, at most 1 MiB"),
    responses((status = 202, description = "It is signed, and taken")))]
pub(crate) async fn sonarqube(
    state: Data<AppState>,
    request: HttpRequest,
    body: RawBody,
) -> Result<HttpResponse, Problem> {
    answer(Tool::SonarQube, receive(&state, &request, body.0).await)
}

async fn receive(state: &AppState, request: &HttpRequest, body: Vec<u8>) -> Result<Outcome, Problem> {
    admit(state, request)?;
    let refused = || unsigned("X-Sonar-Webhook-HMAC-SHA256, the body's HMAC by the project's webhook secret");
    let signature = only(request, SIGNATURE).ok_or_else(refused)?;
    // Whose secret it is signed by only the body says, which is not believed before.
    let claimed: SonarqubeWebhook = serde_json::from_slice(&body).map_err(|_| refused())?;
    let (service, component) = QualityKey::read(&claimed.project.key).ok_or_else(refused)?;
    let secrets = &state.webhook_secrets;
    let secret = secrets.of(state, &service, &component, Tool::SonarQube).await?;
    if !signs(secret.as_ref(), &body, signature) {
        return Err(refused());
    }
    // The gate of another branch, or of a merge request, is of what it changes. Of a branch that changes nothing it is
    // passed, whatever is wrong with the commit.
    let main = claimed.branch.is_none_or(|branch| branch.is_main == Some(true));
    let commit: Option<Commit> = claimed.revision.and_then(|revision| revision.parse().ok());
    match commit {
        Some(commit) if main => add(state, &service, &component, commit, body).await,
        _ => Ok(Outcome::Ignored),
    }
}

/// Adds the gate to every image of the component that was built from the commit.
async fn add(
    state: &AppState,
    service: &ServiceKey,
    component: &ComponentName,
    commit: Commit,
    body: Vec<u8>,
) -> Result<Outcome, Problem> {
    let (project, name) = (service.project.as_str(), service.service.as_str());
    let queries = &state.queries;
    let versions = queries.releases_of_commit(project, name, component.as_str(), commit.as_str());
    let releases = versions.await?.into_iter().map(|version| {
        Ok(ReleaseKey {
            service: service.clone(),
            version: version.parse().map_err(|error| damaged(&error))?,
        })
    });
    let releases = releases.collect::<Result<Vec<_>, Problem>>()?;
    if releases.is_empty() {
        return Ok(Outcome::Ignored);
    }
    let expected = Expected {
        commit: Some(commit),
        ..Expected::default()
    };
    let parsed = match parse(ReportKind::QualityGate, &body, &expected) {
        Ok(parsed) => parsed,
        // No result is not a result.
        Err(ReportError::Unfinished { .. }) => return Ok(Outcome::Ignored),
        Err(error) => return Err(Problem::invalid_field("body", error.to_string(), None)),
    };
    // What has no time, or one that is still to come, cannot be told from what is sent a second time: SonarQube is
    // asked instead.
    if parsed.produced_at.is_none_or(|at| at > Utc::now()) {
        for release in &releases {
            collector::look_now(&state.commands, release, component, ReportKind::QualityGate).await?;
        }
        return Ok(Outcome::Taken);
    }
    let original = Report {
        content: body,
        content_type: "application/json".to_owned(),
    };
    let correlation = current::request().map(|request| request.id).unwrap_or_default();
    let context = CommandContext::system("webhook-sonarqube", correlation);
    for key in releases {
        let request = AddEvidence {
            key,
            component: component.clone(),
            evidence: parsed.clone().into_evidence(Utc::now(), None).fetched(),
            scanned_at: None,
            original: original.clone(),
        };
        state.commands.add_evidence(&context, request).await?;
    }
    Ok(Outcome::Taken)
}
