//! Reading releases.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use opstella_domain::ProjectSlug;
use opstella_domain::ServiceName;
use opstella_projections::queries::{Release, ReleaseDetail};

use super::key;
use crate::http::etag;
use crate::http::page::{Page, PageRequest};
use crate::http::params::{PathParams, QueryParams};
use crate::http::visible::wait_for_named;
use crate::problem::Problem;
use crate::state::AppState;

/// A release's page is put together from these.
const MODELS: &[&str] = &["releases", "promotions"];

/// The releases of a service, the newest first.
#[utoipa::path(get, path = "/api/v1/projects/{project}/services/{service}/releases",
    operation_id = "ListReleases", tag = "releases",
    params(
        ("project" = String, Path, description = "Slug of the project"),
        ("service" = String, Path, description = "Name of the service"),
        ("limit" = Option<u32>, Query, description = "Entries of a page", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "From `next` of the page before"),
        ("after" = Option<String>, Query, description = "Wait until the read model has this position"),
    ),
    responses((status = 200, description = "A page", body = Page<Release>)))]
pub(crate) async fn list(
    state: Data<AppState>,
    request: HttpRequest,
    path: PathParams,
    query: QueryParams,
) -> Result<HttpResponse, Problem> {
    query.only(&["limit", "cursor", "after"])?;
    let project: ProjectSlug = path.parse("project")?;
    let service: ServiceName = path.parse("service")?;
    let page = PageRequest::of(&query, state.config.limits.page_size)?;
    wait_for_named(&state, &request, &query, MODELS).await?;
    let (project, service) = (project.as_str(), service.as_str());
    if state.queries.service(project, service).await?.is_none() {
        return Err(Problem::not_found("service", &format!("{project}/{service}")));
    }
    let found = state.queries.releases(project, service, &page.into()).await?;
    Ok(HttpResponse::Ok().json(Page::new(found, request.path(), &query)))
}

/// One release, with its evidence, its waivers and the way that it went.
#[utoipa::path(get, path = "/api/v1/projects/{project}/services/{service}/releases/{version}",
    operation_id = "GetRelease", tag = "releases",
    params(
        ("project" = String, Path, description = "Slug of the project"),
        ("service" = String, Path, description = "Name of the service"),
        ("version" = String, Path, description = "Version of the release"),
        ("after" = Option<String>, Query, description = "Wait until the read model has this position"),
    ),
    responses((status = 200, description = "The release", body = ReleaseDetail)))]
pub(crate) async fn get(
    state: Data<AppState>,
    request: HttpRequest,
    path: PathParams,
    query: QueryParams,
) -> Result<HttpResponse, Problem> {
    query.only(&["after"])?;
    let key = key(&path)?;
    wait_for_named(&state, &request, &query, MODELS).await?;
    let (project, service) = (key.service.project.as_str(), key.service.service.as_str());
    let found = state
        .queries
        .release(project, service, key.version.as_str())
        .await?;
    let found = found.ok_or_else(|| Problem::not_found("release", &key.to_string()))?;
    Ok(HttpResponse::Ok()
        .insert_header(("ETag", etag::of(found.release.version.unsigned_abs())))
        .json(found))
}
