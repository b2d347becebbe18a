//! Reading promotions: the board, one of them, an environment's history, and approvals that wait.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use opstella_domain::access::Role;
use opstella_domain::promotion::{EnvironmentKey, PromotionId};
use opstella_domain::release::ReleaseVersion;
use opstella_domain::{Environment, ProjectSlug, ServiceKey, ServiceName};
use opstella_projections::queries::{ApproverScope, Promotion, PromotionFilter, WaitingFilter};

use super::view::PromotionView;
use crate::auth::Caller;
use crate::http::etag;
use crate::http::page::{Page, PageRequest};
use crate::http::params::{PathParams, QueryParams};
use crate::http::visible::wait_for_named;
use crate::problem::Problem;
use crate::state::AppState;

const MODELS: &[&str] = &["promotions", "catalog"];
/// One promotion says where its run stands.
const DETAIL: &[&str] = &["promotions", "catalog", "runs"];
const STATES: &[&str] = &[
    "queued",
    "blocked",
    "waiting",
    "deploying",
    "completed",
    "rejected",
    "cancelled",
    "failed",
    "rolled-back",
];

/// The promotions of projects that the caller may read, the one asked for last first.
#[utoipa::path(get, path = "/api/v1/promotions", operation_id = "ListPromotions", tag = "promotions",
    params(
        ("project" = Option<String>, Query, description = "Of this project"),
        ("service" = Option<String>, Query, description = "Of this service of the project"),
        ("environment" = Option<String>, Query, description = "Into this environment"),
        ("release" = Option<String>, Query, description = "Of this release"),
        ("state" = Option<String>, Query, description = "queued, blocked, waiting, deploying, completed, rejected, \
            cancelled, failed or rolled-back"),
        ("open" = Option<bool>, Query, description = "Only those that are not over"),
        ("limit" = Option<u32>, Query, description = "Entries of a page", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "From `next` of the page before"),
        ("after" = Option<String>, Query, description = "Wait until the read model has this position"),
    ),
    responses((status = 200, description = "A page", body = Page<Promotion>)))]
pub(crate) async fn list(
    state: Data<AppState>,
    request: HttpRequest,
    query: QueryParams,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    query.only(&[
        "project",
        "service",
        "environment",
        "release",
        "state",
        "open",
        "limit",
        "cursor",
        "after",
    ])?;
    let filter = PromotionFilter {
        project: query.text_of::<ProjectSlug>("project")?,
        service: query.text_of::<ServiceName>("service")?,
        environment: query.text_of::<Environment>("environment")?,
        release: query.text_of::<ReleaseVersion>("release")?,
        state: query.one_of("state", STATES)?,
        open: query.parse::<bool>("open", "true or false")?.unwrap_or(false),
    };
    let page = PageRequest::of(&query, state.config.limits.page_size)?;
    wait_for_named(&state, &request, &query, MODELS).await?;
    let found = state
        .queries
        .promotions(&filter, &caller.reader(), &page.into())
        .await?;
    Ok(HttpResponse::Ok().json(Page::new(found, request.path(), &query)))
}

/// One promotion: every gate, and in words why it is where it is and what would move it on.
#[utoipa::path(get, path = "/api/v1/projects/{project}/services/{service}/promotions/{promotion}",
    operation_id = "GetPromotion", tag = "promotions",
    params(
        ("project" = String, Path, description = "Slug of the project"),
        ("service" = String, Path, description = "Name of the service"),
        ("promotion" = uuid::Uuid, Path, description = "Id of the promotion"),
        ("after" = Option<String>, Query, description = "Wait until the read model has this position"),
    ),
    responses((status = 200, description = "The promotion", body = PromotionView)))]
pub(crate) async fn get(
    state: Data<AppState>,
    request: HttpRequest,
    path: PathParams,
    query: QueryParams,
) -> Result<HttpResponse, Problem> {
    query.only(&["after"])?;
    let service = ServiceKey {
        project: path.parse("project")?,
        service: path.parse("service")?,
    };
    let id: PromotionId = path.parse("promotion")?;
    wait_for_named(&state, &request, &query, DETAIL).await?;
    // That of another project is none.
    let of_service =
        |project: &str, name: &str| project == service.project.as_str() && name == service.service.as_str();
    let found = state.queries.promotion(id.0).await?;
    let found = found
        .filter(|p| of_service(&p.promotion.project, &p.promotion.service))
        .ok_or_else(|| Problem::not_found("promotion", &id.to_string()))?;
    let version = etag::of(found.version.unsigned_abs());
    Ok(HttpResponse::Ok()
        .insert_header(("ETag", version))
        .json(PromotionView::from(found)))
}

/// What came, or was to come, into an environment: promotions that are over, the one that ended last first.
#[utoipa::path(get, path = "/api/v1/projects/{project}/services/{service}/environments/{environment}/history",
    operation_id = "GetEnvironmentHistory", tag = "promotions",
    params(
        ("project" = String, Path, description = "Slug of the project"),
        ("service" = String, Path, description = "Name of the service"),
        ("environment" = crate::routes::services::EnvironmentName, Path, description = "Which environment"),
        ("limit" = Option<u32>, Query, description = "Entries of a page", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "From `next` of the page before"),
        ("after" = Option<String>, Query, description = "Wait until the read model has this position"),
    ),
    responses((status = 200, description = "A page", body = Page<Promotion>)))]
pub(crate) async fn history(
    state: Data<AppState>,
    request: HttpRequest,
    path: PathParams,
    query: QueryParams,
) -> Result<HttpResponse, Problem> {
    query.only(&["limit", "cursor", "after"])?;
    let key = EnvironmentKey {
        service: ServiceKey {
            project: path.parse("project")?,
            service: path.parse("service")?,
        },
        environment: path.parse("environment")?,
    };
    let page = PageRequest::of(&query, state.config.limits.page_size)?;
    wait_for_named(&state, &request, &query, MODELS).await?;
    let (project, service) = (key.service.project.as_str(), key.service.service.as_str());
    if state.queries.service(project, service).await?.is_none() {
        return Err(Problem::not_found("service", &key.service.to_string()));
    }
    let environment = key.environment.as_str();
    let found = state
        .queries
        .environment_history(project, service, environment, &page.into())
        .await?;
    Ok(HttpResponse::Ok().json(Page::new(found, request.path(), &query)))
}

/// Promotions that wait for an approval which the caller may give.
#[utoipa::path(get, path = "/api/v1/approvals", operation_id = "ListApprovals", tag = "promotions",
    params(
        ("limit" = Option<u32>, Query, description = "Entries of a page", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "From `next` of the page before"),
        ("after" = Option<String>, Query, description = "Wait until the read model has this position"),
    ),
    responses((status = 200, description = "A page", body = Page<Promotion>)))]
pub(crate) async fn approvals(
    state: Data<AppState>,
    request: HttpRequest,
    query: QueryParams,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    query.only(&["limit", "cursor", "after"])?;
    let page = PageRequest::of(&query, state.config.limits.page_size)?;
    wait_for_named(&state, &request, &query, MODELS).await?;
    let filter = WaitingFilter {
        subject: caller.actor.subject.clone(),
        name: caller.actor.name.clone(),
        scopes: scopes(&state, &caller).await?,
    };
    let found = state.queries.approvals_waiting(&filter, &page.into()).await?;
    Ok(HttpResponse::Ok().json(Page::new(found, request.path(), &query)))
}

/// What the caller may approve, by token and by membership. No machine approves, whatever roles it was given.
async fn scopes(state: &AppState, caller: &Caller) -> Result<Vec<ApproverScope>, Problem> {
    let mut scopes = Vec::new();
    if caller.grants.is_machine() {
        return Ok(scopes);
    }
    if caller.grants.everywhere().has(Role::Security) {
        scopes.push(ApproverScope {
            project: None,
            roles: vec![Role::Security.slug().to_owned()],
        });
    }
    for project in caller.grants.projects() {
        let roles = caller.grants.in_project(project).iter();
        scopes.push(ApproverScope {
            project: Some(project.to_string()),
            roles: roles.map(|role| role.slug().to_owned()).collect(),
        });
    }
    if caller.grants.counts_membership() {
        let member = state.queries.memberships(&caller.actor.subject).await?;
        scopes.extend(member.into_iter().map(|(project, roles)| ApproverScope {
            project: Some(project),
            roles,
        }));
    }
    Ok(scopes)
}
