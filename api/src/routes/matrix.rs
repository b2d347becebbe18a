//! The matrix: what runs in each environment of each service.

use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use opstella_domain::ProjectSlug;
use opstella_projections::queries::MatrixService;

use crate::auth::Caller;
use crate::http::page::{Page, PageRequest};
use crate::http::params::QueryParams;
use crate::http::visible::wait_for_named;
use crate::problem::Problem;
use crate::state::AppState;

/// What runs in each environment of the services that the caller may read, by project and name.
#[utoipa::path(get, path = "/api/v1/matrix", operation_id = "GetMatrix", tag = "delivery",
    params(
        ("project" = Option<String>, Query, description = "Of this project"),
        ("limit" = Option<u32>, Query, description = "Entries of a page", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "From `next` of the page before"),
        ("after" = Option<String>, Query, description = "Wait until the read model has this position"),
    ),
    responses((status = 200, description = "A page", body = Page<MatrixService>)))]
pub(crate) async fn matrix(
    state: Data<AppState>,
    request: HttpRequest,
    query: QueryParams,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    query.only(&["project", "limit", "cursor", "after"])?;
    let project: Option<ProjectSlug> = query.value("project")?;
    let page = PageRequest::of(&query, state.config.limits.page_size)?;
    wait_for_named(&state, &request, &query, &["promotions", "catalog"]).await?;
    let project = project.as_ref().map(ProjectSlug::as_str);
    let found = state
        .queries
        .matrix(project, &caller.reader(), &page.into())
        .await?;
    Ok(HttpResponse::Ok().json(Page::new(found, request.path(), &query)))
}

pub(super) fn configure(app: &mut ServiceConfig) {
    app.service(web::resource("/matrix").get(matrix));
}
