//! Projects.

use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use opstella_commands::{CommandContext, CreateProject};
use opstella_domain::{ProjectSlug, Subject};
use opstella_projections::queries::Project;
use serde::Deserialize;
use utoipa::ToSchema;

use super::answer::{CommandAnswer, Kind, respond};
use crate::auth::Caller;
use crate::http::body::JsonBody;
use crate::http::command::CommandHead;
use crate::http::etag;
use crate::http::page::{Page, PageRequest};
use crate::http::params::{PathParams, QueryParams};
use crate::http::visible::wait_for_named;
use crate::problem::Problem;
use crate::state::AppState;

const MODELS: &[&str] = &["catalog"];

/// A project to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"slug": "payments", "name": "Payments", "description": "Everything about money"}))]
pub struct CreateProjectRequest {
    /// Its slug: a DNS label. It cannot be changed.
    #[schema(value_type = String, min_length = 1, max_length = 40, pattern = "^[a-z]([a-z0-9-]*[a-z0-9])?$")]
    pub slug: ProjectSlug,
    /// Its name for people.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// What it is for.
    #[schema(max_length = 1000)]
    pub description: Option<String>,
    /// Who answers for it; whoever sends the command, if nobody is named. A machine has to name somebody: it would be the
    /// only owner, and no person could change that.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255)]
    pub owner: Option<Subject>,
}

/// Makes a project. Its owner is its first member.
#[utoipa::path(post, path = "/api/v1/projects", operation_id = "CreateProject", tag = "projects",
    request_body = CreateProjectRequest,
    responses((status = 201, description = "The project is there", body = CommandAnswer)))]
pub(crate) async fn create(
    state: Data<AppState>,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<CreateProjectRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    let CreateProjectRequest {
        slug,
        name,
        description,
        owner,
    } = body.value;
    let owner = match owner {
        Some(owner) => owner,
        None if head.caller.grants.is_machine() => {
            let rule = "must name who answers for the project: it is a machine that makes it";
            return Err(Problem::invalid_field("owner", rule, None));
        }
        None => head.caller_as("owner")?,
    };
    let request = CreateProject {
        slug,
        name,
        description,
        owner,
    };
    let context = head.context(&body.fingerprint, None);
    let slug = request.slug.clone();
    let accepted = match state.commands.create_project(&context, request).await {
        Ok(accepted) => accepted,
        Err(error) => return Err(discreet(&state, &context, &slug, error.into()).await),
    };
    respond(&state, &head, accepted, Kind::Created).await
}

/// The problem without a link to a project that the caller may not know of: that its slug is taken is all they get.
async fn discreet(
    state: &AppState,
    context: &CommandContext,
    slug: &ProjectSlug,
    mut problem: Problem,
) -> Problem {
    if problem.existing.is_some() && !matches!(state.commands.may_read(context, slug).await, Ok(true)) {
        problem.existing = None;
        problem.headers.retain(|(name, _)| *name != "Link");
        problem.hint = Some("choose another slug".to_owned());
    }
    problem
}

/// The projects that the caller may read, by slug.
#[utoipa::path(get, path = "/api/v1/projects", operation_id = "ListProjects", tag = "projects",
    params(
        ("limit" = Option<u32>, Query, description = "Entries of a page", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "From `next` of the page before"),
        ("after" = Option<String>, Query, description = "Wait until the read model has this position"),
    ),
    responses((status = 200, description = "A page", body = Page<Project>)))]
pub(crate) async fn list(
    state: Data<AppState>,
    request: HttpRequest,
    query: QueryParams,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    query.only(&["limit", "cursor", "after"])?;
    let page = PageRequest::of(&query, state.config.limits.page_size)?;
    wait_for_named(&state, &request, &query, MODELS).await?;
    let found = state.queries.projects(&caller.reader(), &page.into()).await?;
    Ok(HttpResponse::Ok().json(Page::new(found, request.path(), &query)))
}

/// One project.
#[utoipa::path(get, path = "/api/v1/projects/{project}", operation_id = "GetProject", tag = "projects",
    params(
        ("project" = String, Path, description = "Slug"),
        ("after" = Option<String>, Query, description = "Wait until the read model has this position"),
    ),
    responses((status = 200, description = "The project", body = Project)))]
pub(crate) async fn get(
    state: Data<AppState>,
    request: HttpRequest,
    path: PathParams,
    query: QueryParams,
) -> Result<HttpResponse, Problem> {
    query.only(&["after"])?;
    let slug: ProjectSlug = path.parse("project")?;
    wait_for_named(&state, &request, &query, MODELS).await?;
    let project = state
        .queries
        .project(slug.as_str())
        .await?
        .ok_or_else(|| Problem::not_found("project", slug.as_str()))?;
    Ok(HttpResponse::Ok()
        .insert_header(("ETag", etag::of(project.version.unsigned_abs())))
        .json(project))
}

pub(super) fn configure(app: &mut ServiceConfig) {
    app.service(web::resource("/projects").get(list).post(create))
        .service(web::resource("/projects/{project}").get(get));
}
