//! What people say to promotions.

use actix_web::HttpResponse;
use actix_web::web::Data;
use opstella_commands::{CommandError, PromotionRef};
use opstella_domain::promotion::{EnvironmentKey, PromotionId};
use opstella_domain::{DomainError, ServiceKey};
use opstella_projections::queries::Promotion;

use super::requests::{ApproveRequest, BecauseRequest};
use crate::http::body::{EmptyRequest, JsonBody};
use crate::http::command::CommandHead;
use crate::http::params::{PathParams, QueryParams};
use crate::problem::Problem;
use crate::routes::answer::{CommandAnswer, Kind, respond};
use crate::state::AppState;

/// Which promotion is meant. Of one that is over the read model knows: the command says that it is over, or gives the
/// answer again that the same request got before.
async fn promotion(state: &AppState, path: &PathParams) -> Result<PromotionRef, Problem> {
    let service = ServiceKey {
        project: path.parse("project")?,
        service: path.parse("service")?,
    };
    let id: PromotionId = path.parse("promotion")?;
    let missing = match state.commands.find_promotion(&service, id).await {
        Err(CommandError::Domain(error)) if matches!(*error, DomainError::NotFound { .. }) => error,
        found => return Ok(found?),
    };
    let shown = state.queries.promotion(id.0).await?.map(|found| found.promotion);
    let of_service = |found: &Promotion| {
        found.project == service.project.as_str() && found.service == service.service.as_str()
    };
    let over = shown
        .filter(of_service)
        .and_then(|found| found.environment.parse().ok());
    match over {
        Some(environment) => Ok(PromotionRef {
            key: EnvironmentKey { service, environment },
            id,
        }),
        None => Err(CommandError::Domain(missing).into()),
    }
}

/// Says yes to a promotion. Where it was the last thing that was missing, the deployment starts.
#[utoipa::path(post,
    path = "/api/v1/projects/{project}/services/{service}/promotions/{promotion}/approve",
    operation_id = "Approve", tag = "promotions",
    params(
        ("project" = String, Path, description = "Slug of the project"),
        ("service" = String, Path, description = "Name of the service"),
        ("promotion" = uuid::Uuid, Path, description = "Id of the promotion"),
    ),
    request_body = ApproveRequest,
    responses((status = 200, description = "It counts", body = CommandAnswer)))]
pub(crate) async fn approve(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<ApproveRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    let context = head.context(&body.fingerprint, body.value.comment.as_deref());
    let promotion = promotion(&state, &path).await?;
    let accepted = state
        .commands
        .approve(&context, promotion, body.value.comment)
        .await?;
    respond(&state, &head, accepted, Kind::Done).await
}

/// Says no to a promotion: it is over.
#[utoipa::path(post,
    path = "/api/v1/projects/{project}/services/{service}/promotions/{promotion}/reject",
    operation_id = "Reject", tag = "promotions",
    params(
        ("project" = String, Path, description = "Slug of the project"),
        ("service" = String, Path, description = "Name of the service"),
        ("promotion" = uuid::Uuid, Path, description = "Id of the promotion"),
    ),
    request_body = BecauseRequest,
    responses((status = 200, description = "The promotion is over", body = CommandAnswer)))]
pub(crate) async fn reject(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<BecauseRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    let context = head.context(&body.fingerprint, Some(&body.value.reason));
    let promotion = promotion(&state, &path).await?;
    let accepted = state
        .commands
        .reject(&context, promotion, body.value.reason)
        .await?;
    respond(&state, &head, accepted, Kind::Done).await
}

/// Takes a promotion back that does not deploy yet. One that does is cancelled by its run.
#[utoipa::path(post,
    path = "/api/v1/projects/{project}/services/{service}/promotions/{promotion}/cancel",
    operation_id = "CancelPromotion", tag = "promotions",
    params(
        ("project" = String, Path, description = "Slug of the project"),
        ("service" = String, Path, description = "Name of the service"),
        ("promotion" = uuid::Uuid, Path, description = "Id of the promotion"),
    ),
    request_body = BecauseRequest,
    responses((status = 200, description = "The promotion is over", body = CommandAnswer)))]
pub(crate) async fn cancel(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<BecauseRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    let context = head.context(&body.fingerprint, Some(&body.value.reason));
    let promotion = promotion(&state, &path).await?;
    let accepted = state
        .commands
        .cancel_promotion(&context, promotion, body.value.reason)
        .await?;
    respond(&state, &head, accepted, Kind::Done).await
}

/// Asks for a freeze not to hold for a promotion. It takes a second person.
#[utoipa::path(post,
    path = "/api/v1/projects/{project}/services/{service}/promotions/{promotion}/override-freeze",
    operation_id = "OverrideFreeze", tag = "promotions",
    params(
        ("project" = String, Path, description = "Slug of the project"),
        ("service" = String, Path, description = "Name of the service"),
        ("promotion" = uuid::Uuid, Path, description = "Id of the promotion"),
    ),
    request_body = BecauseRequest,
    responses((status = 200, description = "A second person may confirm it", body = CommandAnswer)))]
pub(crate) async fn override_freeze(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<BecauseRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    let context = head.context(&body.fingerprint, Some(&body.value.reason));
    let promotion = promotion(&state, &path).await?;
    let accepted = state
        .commands
        .override_freeze(&context, promotion, body.value.reason)
        .await?;
    respond(&state, &head, accepted, Kind::Done).await
}

/// Confirms, as the second person, that a freeze does not hold for a promotion.
#[utoipa::path(post,
    path = "/api/v1/projects/{project}/services/{service}/promotions/{promotion}/confirm-freeze-override",
    operation_id = "ConfirmFreezeOverride", tag = "promotions",
    params(
        ("project" = String, Path, description = "Slug of the project"),
        ("service" = String, Path, description = "Name of the service"),
        ("promotion" = uuid::Uuid, Path, description = "Id of the promotion"),
    ),
    request_body = EmptyRequest,
    responses((status = 200, description = "The freeze does not hold for it", body = CommandAnswer)))]
pub(crate) async fn confirm_override(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<EmptyRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    let context = head.context(&body.fingerprint, None);
    let promotion = promotion(&state, &path).await?;
    let accepted = state
        .commands
        .confirm_freeze_override(&context, promotion)
        .await?;
    respond(&state, &head, accepted, Kind::Done).await
}
