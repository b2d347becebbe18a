//! Connected tools.

use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use opstella_commands::ConnectTool;
use opstella_domain::tool_connection::{Connection, ConnectionKey, ToolConnection, ToolSettings, ToolUrl};
use opstella_domain::{CredentialName, Tool};
use opstella_projections::queries::ToolConnectionInfo;
use serde::Deserialize;
use utoipa::ToSchema;

use super::answer::{CommandAnswer, Kind, respond};
use crate::http::body::JsonBody;
use crate::http::command::CommandHead;
use crate::http::etag;
use crate::http::page::{Page, PageRequest};
use crate::http::params::{PathParams, QueryParams};
use crate::http::visible::wait_for_named;
use crate::problem::Problem;
use crate::state::AppState;
use crate::tools::ToolHealthView;

const MODELS: &[&str] = &["catalog"];

/// Where a tool is, and how Opstella works in it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"url": "https://gitlab.example.com", "credential": "gitlab"}))]
pub struct ConnectToolRequest {
    /// Base URL: http or https, without user, password, query and fragment.
    #[schema(value_type = String, format = Uri, max_length = 2048)]
    pub url: ToolUrl,
    /// Name of a credential in the server's configuration; never the credential itself.
    #[schema(value_type = String, min_length = 1, max_length = 40, pattern = "^[a-z]([a-z0-9-]*[a-z0-9])?$")]
    pub credential: CredentialName,
    /// What the tool needs to be told beyond that.
    #[serde(default)]
    #[schema(value_type = ToolSettingsRequest)]
    pub settings: ToolSettings,
}

/// What a tool needs to be told beyond URL and credential. Absent fields take the default.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolSettingsRequest {
    /// Vault: mount of the KV v2 engine. Default `secret`.
    #[schema(min_length = 1, max_length = 100)]
    pub kv_mount: Option<String>,
    /// Vault: mount of the Kubernetes auth method. Default `kubernetes`.
    #[schema(min_length = 1, max_length = 100)]
    pub kubernetes_auth_mount: Option<String>,
    /// Vault: mount of the AppRole auth method. Default `approle`.
    #[schema(min_length = 1, max_length = 100)]
    pub approle_mount: Option<String>,
    /// SonarQube: the quality gate of new projects. Default `Sonar way`.
    #[schema(min_length = 1, max_length = 255)]
    pub quality_gate: Option<String>,
    /// Argo CD: the cluster it deploys to. Default `https://kubernetes.default.svc`.
    #[schema(min_length = 1, max_length = 255)]
    pub destination: Option<String>,
    /// Harbor: artifacts that a repository keeps. Default 20.
    #[schema(minimum = 1, maximum = 1000)]
    pub keep_artifacts: Option<u32>,
}

/// Connects a tool, or changes its connection. The same again changes nothing.
#[utoipa::path(put, path = "/api/v1/tools/{tool}/{name}", operation_id = "ConnectTool", tag = "tools",
    params(
        ("tool" = String, Path, description = "gitlab, harbor, vault, sonarqube, kubernetes or argocd"),
        ("name" = String, Path, description = "Name of the connection; services are provisioned on `main`"),
    ),
    request_body = ConnectToolRequest,
    responses((status = 200, description = "It is connected", body = CommandAnswer)))]
pub(crate) async fn connect(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<ConnectToolRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    let ConnectToolRequest {
        url,
        credential,
        settings,
    } = body.value;
    let request = ConnectTool {
        key: key(&path)?,
        connection: Connection {
            url,
            credential,
            settings,
        },
    };
    let context = head.context(&body.fingerprint, None);
    let accepted = state.commands.connect_tool(&context, request).await?;
    respond(&state, &head, accepted, Kind::Done).await
}

/// Connected tools, by tool and name.
#[utoipa::path(get, path = "/api/v1/tools", operation_id = "ListTools", tag = "tools",
    params(
        ("limit" = Option<u32>, Query, description = "Entries of a page", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "From `next` of the page before"),
        ("after" = Option<String>, Query, description = "Wait until the read model has this position"),
    ),
    responses((status = 200, description = "A page", body = Page<ToolConnectionInfo>)))]
pub(crate) async fn list(
    state: Data<AppState>,
    request: HttpRequest,
    query: QueryParams,
) -> Result<HttpResponse, Problem> {
    query.only(&["limit", "cursor", "after"])?;
    let page = PageRequest::of(&query, state.config.limits.page_size)?;
    wait_for_named(&state, &request, &query, MODELS).await?;
    let found = state.queries.connections(&page.into()).await?;
    Ok(HttpResponse::Ok().json(Page::new(found, request.path(), &query)))
}

/// One connected tool.
#[utoipa::path(get, path = "/api/v1/tools/{tool}/{name}", operation_id = "GetTool", tag = "tools",
    params(
        ("tool" = String, Path, description = "gitlab, harbor, vault, sonarqube, kubernetes or argocd"),
        ("name" = String, Path, description = "Name of the connection"),
        ("after" = Option<String>, Query, description = "Wait until the read model has this position"),
    ),
    responses((status = 200, description = "The connection", body = ToolConnectionInfo)))]
pub(crate) async fn get(
    state: Data<AppState>,
    request: HttpRequest,
    path: PathParams,
    query: QueryParams,
) -> Result<HttpResponse, Problem> {
    query.only(&["after"])?;
    let key = key(&path)?;
    wait_for_named(&state, &request, &query, MODELS).await?;
    let found = state
        .queries
        .connection(key.tool.slug(), key.name.as_str())
        .await?
        .ok_or_else(|| Problem::not_found("connection", &key.to_string()))?;
    Ok(HttpResponse::Ok()
        .insert_header(("ETag", etag::of(found.version.unsigned_abs())))
        .json(found))
}

/// Asks the tool whether it is there and takes our credential.
#[utoipa::path(get, path = "/api/v1/tools/{tool}/{name}/health", operation_id = "GetToolHealth", tag = "tools",
    params(
        ("tool" = String, Path, description = "gitlab, harbor, vault, sonarqube, kubernetes or argocd"),
        ("name" = String, Path, description = "Name of the connection"),
    ),
    responses((status = 200, description = "How it is, also where it is not well", body = ToolHealthView)))]
pub(crate) async fn health(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    let key = key(&path)?;
    let loaded = state.journal.load::<ToolConnection>(&key.to_string()).await?;
    if loaded.state.connection.is_none() {
        return Err(Problem::not_found("connection", &key.to_string()));
    }
    Ok(HttpResponse::Ok().json(state.tools.health(&key).await))
}

fn key(path: &PathParams) -> Result<ConnectionKey, Problem> {
    Ok(ConnectionKey {
        tool: path.parse::<Tool>("tool")?,
        name: path.parse("name")?,
    })
}

pub(super) fn configure(app: &mut ServiceConfig) {
    app.service(web::resource("/tools").get(list))
        .service(web::resource("/tools/{tool}/{name}").get(get).put(connect))
        .service(web::resource("/tools/{tool}/{name}/health").get(health));
}
