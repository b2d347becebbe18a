//! Asking for promotions.

use actix_web::HttpResponse;
use actix_web::web::Data;
use opstella_commands::{PromoteRelease, RollBack};
use opstella_domain::promotion::{EnvironmentKey, WhenBusy};
use opstella_domain::{Environment, ServiceKey};

use super::gate::CheckView;
use super::requests::{CheckRequest, PromoteRequest, RollbackRequest};
use crate::http::body::JsonBody;
use crate::http::command::CommandHead;
use crate::http::params::{PathParams, QueryParams};
use crate::problem::Problem;
use crate::routes::answer::{CommandAnswer, Kind, respond};
use crate::state::AppState;

fn key(path: &PathParams, environment: Environment) -> Result<EnvironmentKey, Problem> {
    Ok(EnvironmentKey {
        service: ServiceKey {
            project: path.parse("project")?,
            service: path.parse("service")?,
        },
        environment,
    })
}

async fn promote(
    state: &AppState,
    path: &PathParams,
    query: &QueryParams,
    head: &CommandHead,
    body: JsonBody<PromoteRequest>,
    environment: Environment,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    let context = head.context(&body.fingerprint, None);
    let request = PromoteRelease {
        key: key(path, environment)?,
        release: body.value.release,
        change_reference: body.value.change_reference,
        when_busy: body.value.when_busy,
    };
    let accepted = state.commands.promote(&context, request).await?;
    respond(state, head, accepted, Kind::Asked).await
}

/// Asks for a release to go into DEV. It goes once every gate is open.
#[utoipa::path(post, path = "/api/v1/projects/{project}/services/{service}/promotions:to-dev",
    operation_id = "PromoteToDev", tag = "promotions",
    params(
        ("project" = String, Path, description = "Slug of the project"),
        ("service" = String, Path, description = "Name of the service"),
    ),
    request_body = PromoteRequest,
    responses((status = 202, description = "The promotion is there", body = CommandAnswer)))]
pub(crate) async fn dev(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<PromoteRequest>,
) -> Result<HttpResponse, Problem> {
    promote(&state, &path, &query, &head, body, Environment::Dev).await
}

/// Asks for a release to go into SIT. It goes once every gate is open.
#[utoipa::path(post, path = "/api/v1/projects/{project}/services/{service}/promotions:to-sit",
    operation_id = "PromoteToSit", tag = "promotions",
    params(
        ("project" = String, Path, description = "Slug of the project"),
        ("service" = String, Path, description = "Name of the service"),
    ),
    request_body = PromoteRequest,
    responses((status = 202, description = "The promotion is there", body = CommandAnswer)))]
pub(crate) async fn sit(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<PromoteRequest>,
) -> Result<HttpResponse, Problem> {
    promote(&state, &path, &query, &head, body, Environment::Sit).await
}

/// Asks for a release to go into UAT. It goes once every gate is open.
#[utoipa::path(post, path = "/api/v1/projects/{project}/services/{service}/promotions:to-uat",
    operation_id = "PromoteToUat", tag = "promotions",
    params(
        ("project" = String, Path, description = "Slug of the project"),
        ("service" = String, Path, description = "Name of the service"),
    ),
    request_body = PromoteRequest,
    responses((status = 202, description = "The promotion is there", body = CommandAnswer)))]
pub(crate) async fn uat(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<PromoteRequest>,
) -> Result<HttpResponse, Problem> {
    promote(&state, &path, &query, &head, body, Environment::Uat).await
}

/// Asks for a release to go into PRE. It goes once every gate is open.
#[utoipa::path(post, path = "/api/v1/projects/{project}/services/{service}/promotions:to-pre",
    operation_id = "PromoteToPre", tag = "promotions",
    params(
        ("project" = String, Path, description = "Slug of the project"),
        ("service" = String, Path, description = "Name of the service"),
    ),
    request_body = PromoteRequest,
    responses((status = 202, description = "The promotion is there", body = CommandAnswer)))]
pub(crate) async fn pre(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<PromoteRequest>,
) -> Result<HttpResponse, Problem> {
    promote(&state, &path, &query, &head, body, Environment::Pre).await
}

/// Asks for a release to go into PRD. It goes once every gate is open.
#[utoipa::path(post, path = "/api/v1/projects/{project}/services/{service}/promotions:to-prd",
    operation_id = "PromoteToPrd", tag = "promotions",
    params(
        ("project" = String, Path, description = "Slug of the project"),
        ("service" = String, Path, description = "Name of the service"),
    ),
    request_body = PromoteRequest,
    responses((status = 202, description = "The promotion is there", body = CommandAnswer)))]
pub(crate) async fn prd(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<PromoteRequest>,
) -> Result<HttpResponse, Problem> {
    promote(&state, &path, &query, &head, body, Environment::Prd).await
}

/// Asks for an environment to go back to a release that it ran before. Its gates are lighter.
#[utoipa::path(post, path = "/api/v1/projects/{project}/services/{service}/promotions:rollback",
    operation_id = "Rollback", tag = "promotions",
    params(
        ("project" = String, Path, description = "Slug of the project"),
        ("service" = String, Path, description = "Name of the service"),
    ),
    request_body = RollbackRequest,
    responses((status = 202, description = "The promotion is there", body = CommandAnswer)))]
pub(crate) async fn rollback(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<RollbackRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    let context = head.context(&body.fingerprint, None);
    let request = RollBack {
        key: key(&path, body.value.environment)?,
        release: body.value.release,
        change_reference: body.value.change_reference,
        when_busy: body.value.when_busy,
    };
    let accepted = state.commands.roll_back(&context, request).await?;
    respond(&state, &head, accepted, Kind::Asked).await
}

/// Answers whether a release could be promoted now, without doing it.
#[utoipa::path(post, path = "/api/v1/projects/{project}/services/{service}/promotions:check",
    operation_id = "CheckPromotion", tag = "promotions",
    params(
        ("project" = String, Path, description = "Slug of the project"),
        ("service" = String, Path, description = "Name of the service"),
    ),
    request_body = CheckRequest,
    responses((status = 200, description = "Every gate, and what would open it", body = CheckView)))]
pub(crate) async fn check(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<CheckRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    let context = head.context(&body.fingerprint, None);
    let request = PromoteRelease {
        key: key(&path, body.value.environment)?,
        release: body.value.release,
        change_reference: body.value.change_reference,
        when_busy: WhenBusy::Refuse,
    };
    let checked = state.commands.check_promotion(&context, request).await?;
    Ok(HttpResponse::Ok().json(CheckView::from(checked)))
}
