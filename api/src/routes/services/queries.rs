//! Questions about services.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use opstella_domain::{ProjectSlug, ServiceName};
use opstella_projections::queries::{Service, ServiceDetail, ServiceFilter};

use crate::http::etag;
use crate::http::page::{Page, PageRequest};
use crate::http::params::{PathParams, QueryParams};
use crate::http::visible::wait_for_named;
use crate::problem::Problem;
use crate::state::AppState;

const LIFECYCLES: &[&str] = &[
    "provisioning",
    "active",
    "provisioning-failed",
    "decommissioning",
    "decommissioned",
];

/// The services of a project, by name.
#[utoipa::path(get, path = "/api/v1/projects/{project}/services", operation_id = "ListServices", tag = "services",
    params(
        ("project" = String, Path, description = "Slug of the project"),
        ("lifecycle" = Option<String>, Query, description = "provisioning, active, provisioning-failed, decommissioning or decommissioned"),
        ("limit" = Option<u32>, Query, description = "Entries of a page", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "From `next` of the page before"),
        ("after" = Option<String>, Query, description = "Wait until the read model has this position"),
    ),
    responses((status = 200, description = "A page", body = Page<Service>)))]
pub(crate) async fn list(
    state: Data<AppState>,
    request: HttpRequest,
    path: PathParams,
    query: QueryParams,
) -> Result<HttpResponse, Problem> {
    query.only(&["lifecycle", "limit", "cursor", "after"])?;
    let project: ProjectSlug = path.parse("project")?;
    let filter = ServiceFilter {
        project: Some(project.to_string()),
        lifecycle: query.one_of("lifecycle", LIFECYCLES)?,
    };
    let page = PageRequest::of(&query, state.config.limits.page_size)?;
    wait_for_named(&state, &request, &query, &["catalog"]).await?;
    if state.queries.project(project.as_str()).await?.is_none() {
        return Err(Problem::not_found("project", project.as_str()));
    }
    let found = state.queries.services(&filter, &page.into()).await?;
    Ok(HttpResponse::Ok().json(Page::new(found, request.path(), &query)))
}

/// One service, with its components, its environments and what it has in the tools.
#[utoipa::path(get, path = "/api/v1/projects/{project}/services/{service}", operation_id = "GetService",
    tag = "services",
    params(
        ("project" = String, Path, description = "Slug of the project"),
        ("service" = String, Path, description = "Name of the service"),
        ("after" = Option<String>, Query, description = "Wait until the read model has this position"),
    ),
    responses((status = 200, description = "The service", body = ServiceDetail)))]
pub(crate) async fn get(
    state: Data<AppState>,
    request: HttpRequest,
    path: PathParams,
    query: QueryParams,
) -> Result<HttpResponse, Problem> {
    query.only(&["after"])?;
    let project: ProjectSlug = path.parse("project")?;
    let name: ServiceName = path.parse("service")?;
    wait_for_named(&state, &request, &query, &["catalog", "resources"]).await?;
    let found = state
        .queries
        .service(project.as_str(), name.as_str())
        .await?
        .ok_or_else(|| Problem::not_found("service", &format!("{project}/{name}")))?;
    Ok(HttpResponse::Ok()
        .insert_header(("ETag", etag::of(found.service.version.unsigned_abs())))
        .json(found))
}
