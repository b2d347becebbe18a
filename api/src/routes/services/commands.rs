//! Commands on services. Each starts a run.

use actix_web::HttpResponse;
use actix_web::web::Data;
use opstella_commands::{AddComponent, AddEnvironment, ComponentRequest, CreateService};
use opstella_domain::ServiceKey;

use super::requests::{
    AddComponentRequest, AddEnvironmentRequest, CreateServiceRequest, DecommissionRequest,
};
use crate::http::body::JsonBody;
use crate::http::command::CommandHead;
use crate::http::params::{PathParams, QueryParams};
use crate::problem::Problem;
use crate::routes::answer::{CommandAnswer, Kind, respond};
use crate::routes::plan::{PlanOrRun, PlanView};
use crate::state::AppState;

/// Asks for a service: a run provisions it. With `dry_run=true` nothing is stored, and the plan is the answer.
#[utoipa::path(post, path = "/api/v1/projects/{project}/services", operation_id = "CreateService", tag = "services",
    params(
        ("project" = String, Path, description = "Slug of the project"),
        ("dry_run" = Option<bool>, Query, description = "Show the plan and store nothing"),
    ),
    request_body = CreateServiceRequest,
    responses(
        (status = 202, description = "A run provisions the service", body = CommandAnswer),
        (status = 200, description = "The plan (`dry_run=true`), or the ended run (`Prefer: wait`)",
            body = inline(PlanOrRun)),
    ))]
pub(crate) async fn create(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<CreateServiceRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&["dry_run"])?;
    let dry_run = query.parse::<bool>("dry_run", "true or false")?.unwrap_or(false);
    let context = head.context(&body.fingerprint, None);
    let owner = match body.value.owner {
        Some(owner) => owner,
        None => head.caller_as("owner")?,
    };
    let request = CreateService {
        key: ServiceKey {
            project: path.parse("project")?,
            service: body.value.name,
        },
        components: body.value.components.into_iter().map(Into::into).collect(),
        environments: body.value.environments,
        owner,
        adopt: body.value.adopt,
    };
    if dry_run {
        let plan = state.commands.plan_service(&context, request).await?;
        return Ok(HttpResponse::Ok().json(PlanView::of(&plan)?));
    }
    let accepted = state.commands.create_service(&context, request).await?;
    respond(&state, &head, accepted, Kind::Started).await
}

/// Asks for one more component in all environments of a service.
#[utoipa::path(post, path = "/api/v1/projects/{project}/services/{service}/components",
    operation_id = "AddComponent", tag = "services",
    params(
        ("project" = String, Path, description = "Slug of the project"),
        ("service" = String, Path, description = "Name of the service"),
    ),
    request_body = AddComponentRequest,
    responses((status = 202, description = "A run makes it", body = CommandAnswer)))]
pub(crate) async fn add_component(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<AddComponentRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    let context = head.context(&body.fingerprint, None);
    let request = AddComponent {
        key: key(&path)?,
        component: ComponentRequest {
            name: body.value.name,
            template: body.value.template,
            version: body.value.version,
        },
        adopt: body.value.adopt,
    };
    let accepted = state.commands.add_component(&context, request).await?;
    respond(&state, &head, accepted, Kind::Started).await
}

/// Asks for one more environment for all components of a service.
#[utoipa::path(post, path = "/api/v1/projects/{project}/services/{service}/environments",
    operation_id = "AddEnvironment", tag = "services",
    params(
        ("project" = String, Path, description = "Slug of the project"),
        ("service" = String, Path, description = "Name of the service"),
    ),
    request_body = AddEnvironmentRequest,
    responses((status = 202, description = "A run makes it", body = CommandAnswer)))]
pub(crate) async fn add_environment(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<AddEnvironmentRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    let context = head.context(&body.fingerprint, None);
    let request = AddEnvironment {
        key: key(&path)?,
        environment: body.value.environment,
        adopt: body.value.adopt,
    };
    let accepted = state.commands.add_environment(&context, request).await?;
    respond(&state, &head, accepted, Kind::Started).await
}

/// Asks for the end of a service: a run removes all that is its own.
#[utoipa::path(post, path = "/api/v1/projects/{project}/services/{service}/decommission",
    operation_id = "DecommissionService", tag = "services",
    params(
        ("project" = String, Path, description = "Slug of the project"),
        ("service" = String, Path, description = "Name of the service"),
    ),
    request_body = DecommissionRequest,
    responses((status = 202, description = "A run removes it", body = CommandAnswer)))]
pub(crate) async fn decommission(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<DecommissionRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    let context = head.context(&body.fingerprint, Some(&body.value.reason));
    let accepted = state
        .commands
        .decommission_service(&context, key(&path)?, body.value.reason)
        .await?;
    respond(&state, &head, accepted, Kind::Started).await
}

fn key(path: &PathParams) -> Result<ServiceKey, Problem> {
    Ok(ServiceKey {
        project: path.parse("project")?,
        service: path.parse("service")?,
    })
}
