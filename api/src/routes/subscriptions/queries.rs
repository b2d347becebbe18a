//! Questions about subscriptions and their deliveries.

use actix_web::http::header::ETAG;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use opstella_domain::subscription::SubscriptionKey;
use opstella_projections::queries::{Delivery, Subscription};

use super::{key, project};
use crate::http::etag;
use crate::http::page::{Page, PageRequest};
use crate::http::params::{PathParams, QueryParams};
use crate::http::visible::wait_for_named;
use crate::problem::Problem;
use crate::state::AppState;

const MODELS: &[&str] = &["subscriptions", "catalog"];
const STATES: &[&str] = &["waiting", "delivered", "dead"];

/// The subscriptions of a project, or the platform's, by name.
#[utoipa::path(get, path = "/api/v1/subscriptions", operation_id = "ListSubscriptions", tag = "notifications",
    params(
        ("project" = Option<String>, Query, description = "Of this project; the platform's where absent"),
        ("limit" = Option<u32>, Query, description = "Entries of a page", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "From `next` of the page before"),
        ("after" = Option<String>, Query, description = "Wait until the read model has this position"),
    ),
    responses((status = 200, description = "A page", body = Page<Subscription>)))]
pub(crate) async fn list(
    state: Data<AppState>,
    request: HttpRequest,
    query: QueryParams,
) -> Result<HttpResponse, Problem> {
    query.only(&["project", "limit", "cursor", "after"])?;
    let project = project(&query)?.map(|project| project.to_string());
    let page = PageRequest::of(&query, state.config.limits.page_size)?;
    wait_for_named(&state, &request, &query, MODELS).await?;
    if let Some(project) = &project
        && state.queries.project(project).await?.is_none()
    {
        return Err(Problem::not_found("project", project));
    }
    let found = state
        .queries
        .subscriptions(project.as_deref(), &page.into())
        .await?;
    Ok(HttpResponse::Ok().json(Page::new(found, request.path(), &query)))
}

/// One subscription. Its secret is not shown.
#[utoipa::path(get, path = "/api/v1/subscriptions/{name}", operation_id = "GetSubscription", tag = "notifications",
    params(
        ("name" = String, Path, description = "Name of the subscription"),
        ("project" = Option<String>, Query, description = "Of this project; the platform's where absent"),
        ("after" = Option<String>, Query, description = "Wait until the read model has this position"),
    ),
    responses((status = 200, description = "The subscription", body = Subscription)))]
pub(crate) async fn get(
    state: Data<AppState>,
    request: HttpRequest,
    path: PathParams,
    query: QueryParams,
) -> Result<HttpResponse, Problem> {
    query.only(&["project", "after"])?;
    let key = key(&path, &query)?;
    wait_for_named(&state, &request, &query, MODELS).await?;
    let found = find(&state, &key).await?;
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, etag::of(found.version.unsigned_abs())))
        .json(found))
}

/// What became of the events that a subscription was to be told of, those of the newest events first.
#[utoipa::path(get, path = "/api/v1/subscriptions/{name}/deliveries", operation_id = "ListDeliveries",
    tag = "notifications",
    params(
        ("name" = String, Path, description = "Name of the subscription"),
        ("project" = Option<String>, Query, description = "Of this project; the platform's where absent"),
        ("state" = Option<String>, Query, description = "waiting, delivered or dead"),
        ("limit" = Option<u32>, Query, description = "Entries of a page", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "From `next` of the page before"),
        ("after" = Option<String>, Query, description = "Wait until the read model has this position"),
    ),
    responses((status = 200, description = "A page", body = Page<Delivery>)))]
pub(crate) async fn deliveries(
    state: Data<AppState>,
    request: HttpRequest,
    path: PathParams,
    query: QueryParams,
) -> Result<HttpResponse, Problem> {
    query.only(&["project", "state", "limit", "cursor", "after"])?;
    let of = query.one_of("state", STATES)?;
    page(&state, &request, &path, &query, of.as_deref()).await
}

/// What was given up, those of the newest events first.
#[utoipa::path(get, path = "/api/v1/subscriptions/{name}/dead-letters", operation_id = "ListDeadLetters",
    tag = "notifications",
    params(
        ("name" = String, Path, description = "Name of the subscription"),
        ("project" = Option<String>, Query, description = "Of this project; the platform's where absent"),
        ("limit" = Option<u32>, Query, description = "Entries of a page", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "From `next` of the page before"),
        ("after" = Option<String>, Query, description = "Wait until the read model has this position"),
    ),
    responses((status = 200, description = "A page", body = Page<Delivery>)))]
pub(crate) async fn dead_letters(
    state: Data<AppState>,
    request: HttpRequest,
    path: PathParams,
    query: QueryParams,
) -> Result<HttpResponse, Problem> {
    query.only(&["project", "limit", "cursor", "after"])?;
    page(&state, &request, &path, &query, Some("dead")).await
}

async fn page(
    state: &AppState,
    request: &HttpRequest,
    path: &PathParams,
    query: &QueryParams,
    of: Option<&str>,
) -> Result<HttpResponse, Problem> {
    let key = key(path, query)?;
    let page = PageRequest::of(query, state.config.limits.page_size)?;
    wait_for_named(state, request, query, MODELS).await?;
    find(state, &key).await?;
    let found = state
        .queries
        .deliveries(&key.to_string(), of, &page.into())
        .await?;
    Ok(HttpResponse::Ok().json(Page::new(found, request.path(), query)))
}

async fn find(state: &AppState, key: &SubscriptionKey) -> Result<Subscription, Problem> {
    let id = key.to_string();
    let found = state.queries.subscription(&id).await?;
    found.ok_or_else(|| Problem::not_found("subscription", &id))
}
