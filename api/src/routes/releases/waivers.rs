//! Waivers of a release.

use actix_web::HttpResponse;
use actix_web::web::Data;
use opstella_commands::GrantWaiver;

use super::key;
use super::requests::{GrantWaiverRequest, ReasonRequest};
use crate::http::body::JsonBody;
use crate::http::command::CommandHead;
use crate::http::params::{PathParams, QueryParams};
use crate::problem::Problem;
use crate::routes::answer::{CommandAnswer, Kind, respond};
use crate::state::AppState;

/// Waives a gate, or one finding of it, for a release and a while.
#[utoipa::path(post, path = "/api/v1/projects/{project}/services/{service}/releases/{version}/waivers",
    operation_id = "GrantWaiver", tag = "releases",
    params(
        ("project" = String, Path, description = "Slug of the project"),
        ("service" = String, Path, description = "Name of the service"),
        ("version" = String, Path, description = "Version of the release"),
    ),
    request_body = GrantWaiverRequest,
    responses((status = 201, description = "It counts", body = CommandAnswer)))]
pub(crate) async fn grant(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<GrantWaiverRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    let context = head.context(&body.fingerprint, Some(&body.value.reason));
    let GrantWaiverRequest {
        gate,
        finding,
        reason,
        expires_at,
    } = body.value;
    let request = GrantWaiver {
        key: key(&path)?,
        gate,
        finding,
        reason,
        expires_at,
    };
    let accepted = state.commands.grant_waiver(&context, request).await?;
    respond(&state, &head, accepted, Kind::Created).await
}

/// Takes a waiver back.
#[utoipa::path(delete,
    path = "/api/v1/projects/{project}/services/{service}/releases/{version}/waivers/{waiver}",
    operation_id = "RevokeWaiver", tag = "releases",
    params(
        ("project" = String, Path, description = "Slug of the project"),
        ("service" = String, Path, description = "Name of the service"),
        ("version" = String, Path, description = "Version of the release"),
        ("waiver" = uuid::Uuid, Path, description = "Id of the waiver"),
    ),
    request_body = ReasonRequest,
    responses((status = 200, description = "It counts no more", body = CommandAnswer)))]
pub(crate) async fn revoke(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<ReasonRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    let context = head.context(&body.fingerprint, Some(&body.value.reason));
    let (key, waiver) = (key(&path)?, path.parse("waiver")?);
    let accepted = state
        .commands
        .revoke_waiver(&context, key, waiver, body.value.reason)
        .await?;
    respond(&state, &head, accepted, Kind::Done).await
}
