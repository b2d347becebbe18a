//! Members of projects.

use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use opstella_commands::MemberRole;
use opstella_domain::access::ProjectRole;
use opstella_domain::{ProjectSlug, Subject};
use opstella_projections::queries::Member;
use serde::Deserialize;
use utoipa::ToSchema;

use super::answer::{CommandAnswer, Kind, respond};
use crate::http::body::JsonBody;
use crate::http::command::CommandHead;
use crate::http::page::{Page, PageRequest};
use crate::http::params::{PathParams, QueryParams};
use crate::http::visible::wait_for_named;
use crate::problem::Problem;
use crate::state::AppState;

/// Somebody and a role.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"member": "5ab1b8b4-3a4e-5a57-9e0c-0d4f5b0d7c11", "role": "developer"}))]
pub struct MemberRoleRequest {
    /// Who: the `sub` of their tokens.
    #[schema(value_type = String, min_length = 1, max_length = 255)]
    pub member: Subject,
    /// Which role.
    #[schema(value_type = RoleName)]
    pub role: ProjectRole,
}

/// A role in a project.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RoleName {
    /// Answers for the project.
    Owner,
    /// Builds its services.
    Developer,
    /// Says whether a release is fit.
    Tester,
    /// Says whether a release may go on.
    Approver,
    /// Looks at it.
    Viewer,
}

fn request(path: &PathParams, body: MemberRoleRequest) -> Result<MemberRole, Problem> {
    Ok(MemberRole {
        project: path.parse("project")?,
        member: body.member,
        role: body.role,
    })
}

/// Gives somebody a role in a project. The same again changes nothing.
#[utoipa::path(post, path = "/api/v1/projects/{project}/members", operation_id = "GrantRole", tag = "projects",
    params(("project" = String, Path, description = "Slug of the project")),
    request_body = MemberRoleRequest,
    responses((status = 200, description = "They have the role", body = CommandAnswer)))]
pub(crate) async fn grant(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<MemberRoleRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    let context = head.context(&body.fingerprint, None);
    let accepted = state
        .commands
        .grant_role(&context, request(&path, body.value)?)
        .await?;
    respond(&state, &head, accepted, Kind::Done).await
}

/// Takes a role in a project from somebody. The last owner stays.
#[utoipa::path(delete, path = "/api/v1/projects/{project}/members", operation_id = "RevokeRole", tag = "projects",
    params(("project" = String, Path, description = "Slug of the project")),
    request_body = MemberRoleRequest,
    responses((status = 200, description = "They no longer have the role", body = CommandAnswer)))]
pub(crate) async fn revoke(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<MemberRoleRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    let context = head.context(&body.fingerprint, None);
    let accepted = state
        .commands
        .revoke_role(&context, request(&path, body.value)?)
        .await?;
    respond(&state, &head, accepted, Kind::Done).await
}

/// The members of a project, by subject. Roles that come with people's tokens are not listed: the issuer knows them.
#[utoipa::path(get, path = "/api/v1/projects/{project}/members", operation_id = "ListMembers", tag = "projects",
    params(
        ("project" = String, Path, description = "Slug of the project"),
        ("limit" = Option<u32>, Query, description = "Entries of a page", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "From `next` of the page before"),
        ("after" = Option<String>, Query, description = "Wait until the read model has this position"),
    ),
    responses((status = 200, description = "A page", body = Page<Member>)))]
pub(crate) async fn list(
    state: Data<AppState>,
    request: HttpRequest,
    path: PathParams,
    query: QueryParams,
) -> Result<HttpResponse, Problem> {
    query.only(&["limit", "cursor", "after"])?;
    let project: ProjectSlug = path.parse("project")?;
    let page = PageRequest::of(&query, state.config.limits.page_size)?;
    wait_for_named(&state, &request, &query, &["catalog"]).await?;
    if state.queries.project(project.as_str()).await?.is_none() {
        return Err(Problem::not_found("project", project.as_str()));
    }
    let found = state.queries.members(project.as_str(), &page.into()).await?;
    Ok(HttpResponse::Ok().json(Page::new(found, request.path(), &query)))
}

pub(super) fn configure(app: &mut ServiceConfig) {
    app.service(
        web::resource("/projects/{project}/members")
            .get(list)
            .post(grant)
            .delete(revoke),
    );
}
