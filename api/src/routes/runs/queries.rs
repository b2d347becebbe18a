//! Questions about runs.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use opstella_domain::{ProjectSlug, ServiceName};
use opstella_projections::queries::{Run, RunDetail, RunFilter};

use super::{MODELS, find};
use crate::auth::Caller;
use crate::http::etag;
use crate::http::page::{Page, PageRequest};
use crate::http::params::{PathParams, QueryParams};
use crate::http::visible::wait_for_named;
use crate::problem::Problem;
use crate::state::AppState;

/// What a run can be.
pub(crate) const STATUSES: &[&str] = &[
    "running",
    "unwinding",
    "stuck",
    "succeeded",
    "failed",
    "cancelled",
    "abandoned",
];
const SAGAS: &[&str] = &[
    "provision-service",
    "add-component",
    "add-environment",
    "decommission-service",
    "promote",
];

/// The runs of projects that the caller may read, the newest first.
#[utoipa::path(get, path = "/api/v1/runs", operation_id = "ListRuns", tag = "runs",
    params(
        ("project" = Option<String>, Query, description = "Of this project"),
        ("service" = Option<String>, Query, description = "Of this service of the project"),
        ("status" = Option<String>, Query, description = "running, unwinding, stuck, succeeded, failed, cancelled or abandoned"),
        ("saga" = Option<String>, Query, description = "provision-service, add-component, add-environment, decommission-service or promote"),
        ("limit" = Option<u32>, Query, description = "Entries of a page", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "From `next` of the page before"),
        ("after" = Option<String>, Query, description = "Wait until the read model has this position"),
    ),
    responses((status = 200, description = "A page", body = Page<Run>)))]
pub(crate) async fn list(
    state: Data<AppState>,
    request: HttpRequest,
    query: QueryParams,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    query.only(&["project", "service", "status", "saga", "limit", "cursor", "after"])?;
    let filter = RunFilter {
        project: query.text_of::<ProjectSlug>("project")?,
        service: query.text_of::<ServiceName>("service")?,
        status: query.one_of("status", STATUSES)?,
        saga: query.one_of("saga", SAGAS)?,
    };
    let page = PageRequest::of(&query, state.config.limits.page_size)?;
    // Who may read which project is in the catalog.
    wait_for_named(&state, &request, &query, &["runs", "catalog"]).await?;
    let found = state
        .queries
        .runs(&filter, &caller.reader(), &page.into())
        .await?;
    Ok(HttpResponse::Ok().json(Page::new(found, request.path(), &query)))
}

/// One run, with its steps and their tries.
#[utoipa::path(get, path = "/api/v1/runs/{run}", operation_id = "GetRun", tag = "runs",
    params(
        ("run" = uuid::Uuid, Path, description = "Id of the run"),
        ("after" = Option<String>, Query, description = "Wait until the read model has this position"),
    ),
    responses((status = 200, description = "The run", body = RunDetail)))]
pub(crate) async fn get(
    state: Data<AppState>,
    request: HttpRequest,
    path: PathParams,
    query: QueryParams,
) -> Result<HttpResponse, Problem> {
    query.only(&["after"])?;
    let run = path.parse("run")?;
    wait_for_named(&state, &request, &query, MODELS).await?;
    let found = find(&state, run).await?;
    Ok(HttpResponse::Ok()
        .insert_header(("ETag", etag::of(found.run.version.unsigned_abs())))
        .json(found))
}
