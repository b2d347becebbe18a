//! Trying again what was given up.

use actix_web::HttpResponse;
use actix_web::web::Data;
use opstella_domain::subscription::SubscriptionCommand;

use super::key;
use crate::http::body::{EmptyRequest, JsonBody};
use crate::http::command::CommandHead;
use crate::http::params::{PathParams, QueryParams};
use crate::problem::Problem;
use crate::routes::answer::{CommandAnswer, Kind, respond};
use crate::state::AppState;

/// Tries one dead letter again.
#[utoipa::path(post, path = "/api/v1/subscriptions/{name}/dead-letters/{delivery}/replay", operation_id = "ReplayDeadLetter", tag = "notifications",
    params(
        ("name" = String, Path, description = "Name of the subscription"),
        ("delivery" = String, Path, description = "Id of the delivery: 1234-56"),
        ("project" = Option<String>, Query, description = "Of this project; the platform's where absent"),
    ),
    request_body = EmptyRequest,
    responses((status = 202, description = "It is tried again", body = CommandAnswer)))]
pub(crate) async fn replay_one(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<EmptyRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&["project"])?;
    let context = head.context(&body.fingerprint, None);
    let command = SubscriptionCommand::Replay {
        key: key(&path, &query)?,
        delivery: Some(path.parse("delivery")?),
    };
    let accepted = state.commands.subscribe(&context, command).await?;
    respond(&state, &head, accepted, Kind::Asked).await
}

/// Tries all dead letters of a subscription again.
#[utoipa::path(post, path = "/api/v1/subscriptions/{name}/dead-letters/replay", operation_id = "ReplayDeadLetters", tag = "notifications",
    params(
        ("name" = String, Path, description = "Name of the subscription"),
        ("project" = Option<String>, Query, description = "Of this project; the platform's where absent"),
    ),
    request_body = EmptyRequest,
    responses((status = 202, description = "They are tried again", body = CommandAnswer)))]
pub(crate) async fn replay_all(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<EmptyRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&["project"])?;
    let context = head.context(&body.fingerprint, None);
    let command = SubscriptionCommand::Replay {
        key: key(&path, &query)?,
        delivery: None,
    };
    let accepted = state.commands.subscribe(&context, command).await?;
    respond(&state, &head, accepted, Kind::Asked).await
}
