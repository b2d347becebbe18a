//! Policies: what a release needs to come into an environment.

use actix_web::HttpResponse;
use actix_web::http::header::ETAG;
use actix_web::web::{self, Data, ServiceConfig};
use opstella_domain::policy::{PolicyKey, PolicyRules};
use opstella_domain::{Environment, ProjectSlug};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::{CommandAnswer, Kind, respond};
use super::services::EnvironmentName;
use crate::http::body::JsonBody;
use crate::http::command::CommandHead;
use crate::http::etag;
use crate::http::params::{PathParams, QueryParams};
use crate::problem::Problem;
use crate::state::AppState;

/// Rules to hold from now on. What is left out is not asked for.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"rules": {
    "quality_gate": true, "max_critical": 0, "healthy_before": true,
    "approvals": [{"roles": ["tester"], "people": 1}],
    "freezes": [{"name": "weekend", "timezone": "Europe/Berlin", "when": {
        "type": "weekly", "from": {"day": 5, "time": "16:00:00"}, "to": {"day": 1, "time": "06:00:00"}}}],
}}))]
pub struct PolicyRequest {
    /// The rules: docs/policies.md names them.
    #[schema(value_type = Object)]
    pub rules: PolicyRules,
}

/// A policy.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PolicyView {
    /// For which environment.
    #[schema(value_type = EnvironmentName)]
    pub environment: Environment,
    /// Whose; all projects' where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub project: Option<ProjectSlug>,
    /// Its version; 0 where nobody has set it.
    pub version: u32,
    /// Its own rules: of the platform, those that come along where nobody has set others; of a project, none then.
    #[schema(value_type = Option<Object>)]
    pub rules: Option<PolicyRules>,
    /// The rules that hold: of a project, the stricter of its own and the platform's in each.
    #[schema(value_type = Object)]
    pub effective: PolicyRules,
}

/// Sets the platform's policy for an environment.
#[utoipa::path(put, path = "/api/v1/policies/{environment}", operation_id = "SetPolicy", tag = "policies",
    params(("environment" = EnvironmentName, Path, description = "For which environment")),
    request_body = PolicyRequest,
    responses((status = 200, description = "It holds", body = CommandAnswer)))]
pub(crate) async fn set(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<PolicyRequest>,
) -> Result<HttpResponse, Problem> {
    set_one(&state, &path, &query, &head, body, None).await
}

/// The platform's policy for an environment.
#[utoipa::path(get, path = "/api/v1/policies/{environment}", operation_id = "GetPolicy", tag = "policies",
    params(("environment" = EnvironmentName, Path, description = "For which environment")),
    responses((status = 200, description = "The policy", body = PolicyView)))]
pub(crate) async fn get(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    let environment: Environment = path.parse("environment")?;
    let key = PolicyKey {
        project: None,
        environment,
    };
    let policy = state.commands.policy(&key).await?;
    let rules = policy.rules_for(environment);
    let view = PolicyView {
        environment,
        project: None,
        version: policy.version,
        rules: Some(rules.clone()),
        effective: rules,
    };
    Ok(shown(view))
}

/// Sets a project's own policy for an environment: at least as strict as the platform's.
#[utoipa::path(put, path = "/api/v1/projects/{project}/policies/{environment}", operation_id = "SetProjectPolicy",
    tag = "policies",
    params(
        ("project" = String, Path, description = "Slug of the project"),
        ("environment" = EnvironmentName, Path, description = "For which environment"),
    ),
    request_body = PolicyRequest,
    responses((status = 200, description = "It holds", body = CommandAnswer)))]
pub(crate) async fn set_of_project(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<PolicyRequest>,
) -> Result<HttpResponse, Problem> {
    let project = path.parse("project")?;
    set_one(&state, &path, &query, &head, body, Some(project)).await
}

/// A project's own policy for an environment, and what holds with the platform's.
#[utoipa::path(get, path = "/api/v1/projects/{project}/policies/{environment}", operation_id = "GetProjectPolicy",
    tag = "policies",
    params(
        ("project" = String, Path, description = "Slug of the project"),
        ("environment" = EnvironmentName, Path, description = "For which environment"),
    ),
    responses((status = 200, description = "The policy", body = PolicyView)))]
pub(crate) async fn get_of_project(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    let project: ProjectSlug = path.parse("project")?;
    let environment: Environment = path.parse("environment")?;
    let key = PolicyKey {
        project: Some(project.clone()),
        environment,
    };
    let own = state.commands.policy(&key).await?;
    let platform = state.commands.policy(&PolicyKey { project: None, ..key }).await?;
    let view = PolicyView {
        environment,
        project: Some(project),
        version: own.version,
        effective: opstella_domain::policy::Policy::effective(environment, &platform, &own),
        rules: own.rules.map(|rules| *rules),
    };
    Ok(shown(view))
}

async fn set_one(
    state: &AppState,
    path: &PathParams,
    query: &QueryParams,
    head: &CommandHead,
    body: JsonBody<PolicyRequest>,
    project: Option<ProjectSlug>,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    let context = head.context(&body.fingerprint, None);
    let key = PolicyKey {
        project,
        environment: path.parse("environment")?,
    };
    let accepted = state.commands.set_policy(&context, key, body.value.rules).await?;
    respond(state, head, accepted, Kind::Done).await
}

fn shown(view: PolicyView) -> HttpResponse {
    let version = etag::of(u64::from(view.version));
    HttpResponse::Ok().insert_header((ETAG, version)).json(view)
}

pub(super) fn configure(app: &mut ServiceConfig) {
    app.service(web::resource("/policies/{environment}").get(get).put(set))
        .service(
            web::resource("/projects/{project}/policies/{environment}")
                .get(get_of_project)
                .put(set_of_project),
        );
}
