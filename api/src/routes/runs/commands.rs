//! What operators ask of runs.

use actix_web::HttpResponse;
use actix_web::web::Data;

use super::requests::{ReasonRequest, StepReasonRequest, StepRequest};
use crate::http::body::JsonBody;
use crate::http::command::CommandHead;
use crate::http::params::{PathParams, QueryParams};
use crate::problem::Problem;
use crate::routes::answer::{CommandAnswer, Kind, respond};
use crate::state::AppState;

/// Tries a stuck or waiting step again, now.
#[utoipa::path(post, path = "/api/v1/runs/{run}/retry", operation_id = "RetryStep", tag = "runs",
    params(("run" = uuid::Uuid, Path, description = "Id of the run")),
    request_body = StepRequest,
    responses((status = 200, description = "It is tried again", body = CommandAnswer)))]
pub(crate) async fn retry(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<StepRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    let context = head.context(&body.fingerprint, None);
    let accepted = state
        .commands
        .retry_step(&context, path.parse("run")?, body.value.step)
        .await?;
    respond(&state, &head, accepted, Kind::Done).await
}

/// Goes on as if the step, or its undoing, were done.
#[utoipa::path(post, path = "/api/v1/runs/{run}/skip", operation_id = "SkipStep", tag = "runs",
    params(("run" = uuid::Uuid, Path, description = "Id of the run")),
    request_body = StepReasonRequest,
    responses((status = 200, description = "It is skipped", body = CommandAnswer)))]
pub(crate) async fn skip(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<StepReasonRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    let StepReasonRequest { step, reason } = body.value;
    let context = head.context(&body.fingerprint, Some(&reason));
    let accepted = state
        .commands
        .skip_step(&context, path.parse("run")?, step, reason)
        .await?;
    respond(&state, &head, accepted, Kind::Done).await
}

/// Stops a run and unmakes what it made.
#[utoipa::path(post, path = "/api/v1/runs/{run}/cancel", operation_id = "CancelRun", tag = "runs",
    params(("run" = uuid::Uuid, Path, description = "Id of the run")),
    request_body = ReasonRequest,
    responses((status = 200, description = "It unwinds", body = CommandAnswer)))]
pub(crate) async fn cancel(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<ReasonRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    let reason = body.value.reason;
    let context = head.context(&body.fingerprint, Some(&reason));
    let accepted = state
        .commands
        .cancel_run(&context, path.parse("run")?, reason)
        .await?;
    respond(&state, &head, accepted, Kind::Done).await
}

/// Ends a stuck run as it is; what it made stays.
#[utoipa::path(post, path = "/api/v1/runs/{run}/abandon", operation_id = "AbandonRun", tag = "runs",
    params(("run" = uuid::Uuid, Path, description = "Id of the run")),
    request_body = ReasonRequest,
    responses((status = 200, description = "It has ended", body = CommandAnswer)))]
pub(crate) async fn abandon(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<ReasonRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    let reason = body.value.reason;
    let context = head.context(&body.fingerprint, Some(&reason));
    let accepted = state
        .commands
        .abandon_run(&context, path.parse("run")?, reason)
        .await?;
    respond(&state, &head, accepted, Kind::Done).await
}
