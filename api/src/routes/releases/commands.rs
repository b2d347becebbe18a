//! Registering and sealing releases.

use actix_web::HttpResponse;
use actix_web::web::Data;
use opstella_commands::RegisterRelease;
use opstella_domain::ServiceKey;
use opstella_domain::release::ReleaseKey;

use super::key;
use super::requests::RegisterReleaseRequest;
use crate::http::body::{EmptyRequest, JsonBody};
use crate::http::command::CommandHead;
use crate::http::params::{PathParams, QueryParams};
use crate::problem::Problem;
use crate::routes::answer::{CommandAnswer, Kind, respond};
use crate::state::AppState;

/// Registers images of a release. Once it has one of every component it is sealed, and goes to DEV.
#[utoipa::path(post, path = "/api/v1/projects/{project}/services/{service}/releases",
    operation_id = "RegisterRelease", tag = "releases",
    params(
        ("project" = String, Path, description = "Slug of the project"),
        ("service" = String, Path, description = "Name of the service"),
    ),
    request_body = RegisterReleaseRequest,
    responses((status = 201, description = "The release has these images", body = CommandAnswer)))]
pub(crate) async fn register(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<RegisterReleaseRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    let context = head.context(&body.fingerprint, None);
    let RegisterReleaseRequest {
        version,
        components,
        author,
        authors,
    } = body.value;
    let request = RegisterRelease {
        key: ReleaseKey {
            service: ServiceKey {
                project: path.parse("project")?,
                service: path.parse("service")?,
            },
            version,
        },
        images: components.into_iter().map(Into::into).collect(),
        authors: author.into_iter().chain(authors).collect(),
    };
    let accepted = state.commands.register_release(&context, request).await?;
    respond(&state, &head, accepted, Kind::Created).await
}

/// Seals a release that has no image of some component: that component keeps what it runs.
#[utoipa::path(post, path = "/api/v1/projects/{project}/services/{service}/releases/{version}/seal",
    operation_id = "SealRelease", tag = "releases",
    params(
        ("project" = String, Path, description = "Slug of the project"),
        ("service" = String, Path, description = "Name of the service"),
        ("version" = String, Path, description = "Version of the release"),
    ),
    request_body = EmptyRequest,
    responses((status = 200, description = "It never changes any more", body = CommandAnswer)))]
pub(crate) async fn seal(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<EmptyRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    let context = head.context(&body.fingerprint, None);
    let accepted = state.commands.seal_release(&context, key(&path)?).await?;
    respond(&state, &head, accepted, Kind::Done).await
}
