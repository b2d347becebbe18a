//! Commands on subscriptions.

use actix_web::HttpResponse;
use actix_web::web::Data;
use chrono::Utc;
use opstella_domain::subscription::{Settings, SubscriptionCommand, SubscriptionKey};
use secrecy::ExposeSecret;

use super::requests::{ChangeSubscriptionRequest, CreateSubscriptionRequest, RotateSecretRequest};
use super::{key, project};
use crate::http::body::{EmptyRequest, JsonBody};
use crate::http::command::CommandHead;
use crate::http::params::{PathParams, QueryParams};
use crate::problem::Problem;
use crate::routes::answer::{CommandAnswer, Kind, SecretAnswer, respond, respond_with_secret};
use crate::routes::runs::ReasonRequest;
use crate::state::AppState;

/// Subscribes a receiver to events. The answer has the secret that signs them, and is the only one that does.
#[utoipa::path(post, path = "/api/v1/subscriptions", operation_id = "CreateSubscription", tag = "notifications",
    params(
        ("project" = Option<String>, Query, description = "Of this project; the platform's where absent"),
    ),
    request_body = CreateSubscriptionRequest,
    responses((status = 201, description = "It is told of what happens from now on", body = SecretAnswer)))]
pub(crate) async fn create(
    state: Data<AppState>,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<CreateSubscriptionRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&["project"])?;
    let context = head.context(&body.fingerprint, None);
    let CreateSubscriptionRequest { name, url, events } = body.value;
    let key = SubscriptionKey {
        project: project(&query)?,
        name,
    };
    let command = SubscriptionCommand::Create {
        key: key.clone(),
        settings: Settings { url, events },
        plain_http: state.config.notifications.allow_http,
    };
    let accepted = state.commands.subscribe(&context, command).await?;
    Ok(respond_with_secret(&accepted, true, secret(&state, &key).await?))
}

/// Sends elsewhere, or other events. The same again changes nothing.
#[utoipa::path(put, path = "/api/v1/subscriptions/{name}", operation_id = "ChangeSubscription", tag = "notifications",
    params(
        ("name" = String, Path, description = "Name of the subscription"),
        ("project" = Option<String>, Query, description = "Of this project; the platform's where absent"),
    ),
    request_body = ChangeSubscriptionRequest,
    responses((status = 200, description = "It is so", body = CommandAnswer)))]
pub(crate) async fn change(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<ChangeSubscriptionRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&["project"])?;
    let context = head.context(&body.fingerprint, None);
    let ChangeSubscriptionRequest { url, events } = body.value;
    let command = SubscriptionCommand::Change {
        key: key(&path, &query)?,
        settings: Settings { url, events },
        plain_http: state.config.notifications.allow_http,
    };
    let accepted = state.commands.subscribe(&context, command).await?;
    respond(&state, &head, accepted, Kind::Done).await
}

/// Tells it again of what happens from now on, and of what was queued for it when it was disabled.
#[utoipa::path(post, path = "/api/v1/subscriptions/{name}/enable", operation_id = "EnableSubscription", tag = "notifications",
    params(
        ("name" = String, Path, description = "Name of the subscription"),
        ("project" = Option<String>, Query, description = "Of this project; the platform's where absent"),
    ),
    request_body = EmptyRequest,
    responses((status = 200, description = "It is enabled", body = CommandAnswer)))]
pub(crate) async fn enable(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<EmptyRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&["project"])?;
    let context = head.context(&body.fingerprint, None);
    let key = key(&path, &query)?;
    let command = SubscriptionCommand::Enable { key };
    let accepted = state.commands.subscribe(&context, command).await?;
    respond(&state, &head, accepted, Kind::Done).await
}

/// Tells it of nothing until it is enabled again.
#[utoipa::path(post, path = "/api/v1/subscriptions/{name}/disable", operation_id = "DisableSubscription", tag = "notifications",
    params(
        ("name" = String, Path, description = "Name of the subscription"),
        ("project" = Option<String>, Query, description = "Of this project; the platform's where absent"),
    ),
    request_body = ReasonRequest,
    responses((status = 200, description = "It is disabled", body = CommandAnswer)))]
pub(crate) async fn disable(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<ReasonRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&["project"])?;
    let context = head.context(&body.fingerprint, Some(&body.value.reason));
    let (key, reason) = (key(&path, &query)?, body.value.reason);
    let command = SubscriptionCommand::Disable { key, reason };
    let accepted = state.commands.subscribe(&context, command).await?;
    respond(&state, &head, accepted, Kind::Done).await
}

/// Makes another secret, which the answer shows. The present one signs as well for a while.
#[utoipa::path(post, path = "/api/v1/subscriptions/{name}/rotate-secret", operation_id = "RotateSubscriptionSecret", tag = "notifications",
    params(
        ("name" = String, Path, description = "Name of the subscription"),
        ("project" = Option<String>, Query, description = "Of this project; the platform's where absent"),
    ),
    request_body = RotateSecretRequest,
    responses((status = 200, description = "The new secret signs", body = SecretAnswer)))]
pub(crate) async fn rotate(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<RotateSecretRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&["project"])?;
    let context = head.context(&body.fingerprint, None);
    let key = key(&path, &query)?;
    let command = SubscriptionCommand::RotateSecret {
        key: key.clone(),
        at: Utc::now(),
        overlap_hours: body.value.overlap_hours,
    };
    let accepted = state.commands.subscribe(&context, command).await?;
    Ok(respond_with_secret(&accepted, false, secret(&state, &key).await?))
}

/// Sends a test event, whatever it subscribed to. Its delivery has the position of the answer as id.
#[utoipa::path(post, path = "/api/v1/subscriptions/{name}/ping", operation_id = "PingSubscription", tag = "notifications",
    params(
        ("name" = String, Path, description = "Name of the subscription"),
        ("project" = Option<String>, Query, description = "Of this project; the platform's where absent"),
    ),
    request_body = EmptyRequest,
    responses((status = 202, description = "It is on its way", body = CommandAnswer)))]
pub(crate) async fn ping(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<EmptyRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&["project"])?;
    let context = head.context(&body.fingerprint, None);
    let key = key(&path, &query)?;
    let command = SubscriptionCommand::Ping { key };
    let accepted = state.commands.subscribe(&context, command).await?;
    respond(&state, &head, accepted, Kind::Asked).await
}

/// Deletes it, with all that waits for it and its dead letters.
#[utoipa::path(delete, path = "/api/v1/subscriptions/{name}", operation_id = "DeleteSubscription", tag = "notifications",
    params(
        ("name" = String, Path, description = "Name of the subscription"),
        ("project" = Option<String>, Query, description = "Of this project; the platform's where absent"),
    ),
    request_body = EmptyRequest,
    responses((status = 200, description = "It is gone", body = CommandAnswer)))]
pub(crate) async fn delete(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<EmptyRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&["project"])?;
    let context = head.context(&body.fingerprint, None);
    let key = key(&path, &query)?;
    let command = SubscriptionCommand::Delete { key };
    let accepted = state.commands.subscribe(&context, command).await?;
    respond(&state, &head, accepted, Kind::Done).await
}

/// The secret that signs now.
async fn secret(state: &AppState, key: &SubscriptionKey) -> Result<String, Problem> {
    let number = state.commands.subscription(key).await?.secret;
    Ok(state.signing.secret(key, number).expose_secret().to_owned())
}
