//! GitLab: something happened in a repository.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use opstella_domain::Tool;
use opstella_domain::naming::RepositoryPath;
use serde::Deserialize;
use utoipa::ToSchema;

use super::outcome::{Outcome, admit, answer, unsigned};
use super::signature::{is, only};
use crate::http::raw_body::RawBody;
use crate::problem::Problem;
use crate::state::AppState;

const TOKEN: &str = "X-Gitlab-Token";

/// What GitLab says of what happened, as far as it is looked at.
#[derive(Debug, Deserialize, ToSchema)]
pub struct GitlabWebhook {
    /// In which repository.
    pub project: GitlabProject,
}

/// A repository.
#[derive(Debug, Deserialize, ToSchema)]
pub struct GitlabProject {
    /// Its path.
    #[schema(examples("payments/checkout_api"))]
    pub path_with_namespace: String,
}

/// Takes GitLab's word that something happened in a repository. Nothing follows from it yet.
#[utoipa::path(post, path = "/api/v1/webhooks/gitlab",
    operation_id = "ReceiveGitlabWebhook", tag = "webhooks",
    request_body(content = GitlabWebhook, description = "As GitLab sends it, at most 1 MiB"),
    responses((status = 202, description = "It has the token, and is taken")))]
pub(crate) async fn gitlab(
    state: Data<AppState>,
    request: HttpRequest,
    body: RawBody,
) -> Result<HttpResponse, Problem> {
    answer(Tool::GitLab, receive(&state, &request, &body.0).await)
}

async fn receive(state: &AppState, request: &HttpRequest, body: &[u8]) -> Result<Outcome, Problem> {
    admit(state, request)?;
    let refused = || unsigned("X-Gitlab-Token, the webhook's secret token");
    let given = only(request, TOKEN).ok_or_else(refused)?;
    let claimed: GitlabWebhook = serde_json::from_slice(body).map_err(|_| refused())?;
    let path = &claimed.project.path_with_namespace;
    let (service, component) = RepositoryPath::read(path).ok_or_else(refused)?;
    let secrets = &state.webhook_secrets;
    let secret = secrets.of(state, &service, &component, Tool::GitLab).await?;
    if !is(secret.as_ref(), given) {
        return Err(refused());
    }
    Ok(Outcome::Ignored)
}
