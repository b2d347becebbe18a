//! Templates.

use std::collections::BTreeMap;

use std::sync::Arc;

use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use opstella_commands::RegisterTemplate;
use opstella_domain::TemplateName;
use opstella_domain::template::{Template as Aggregate, TemplateFiles, TemplateRef, TemplateVersion};
use opstella_projections::queries::Template;
use serde::{Deserialize, Serialize};
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

const MODELS: &[&str] = &["catalog"];

/// A version of a template.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "description": "A small HTTP service",
    "files": {"README.md": "# {{ component }}\n"},
}))]
pub struct RegisterTemplateRequest {
    /// One line for people.
    #[schema(min_length = 1, max_length = 500)]
    pub description: String,
    /// Relative path to text; both are rendered for each component. 1 to 100 files.
    #[schema(value_type = BTreeMap<String, String>)]
    pub files: TemplateFiles,
}

/// One version of a template, with its files.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TemplateVersionView {
    /// The template.
    pub name: String,
    /// Its version.
    pub version: String,
    /// One line for people.
    pub description: String,
    /// SHA-256 over paths and texts.
    pub digest: String,
    /// Relative path to text.
    pub files: BTreeMap<String, String>,
}

/// Adds a version of a template. The same files again change nothing; other files under the same version are refused.
#[utoipa::path(put, path = "/api/v1/templates/{template}/versions/{version}", operation_id = "RegisterTemplate",
    tag = "templates",
    params(
        ("template" = String, Path, description = "Name of the template"),
        ("version" = String, Path, description = "Three numbers, as in 1.0.0"),
    ),
    request_body = RegisterTemplateRequest,
    responses((status = 200, description = "The version is there", body = CommandAnswer)))]
pub(crate) async fn register(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: JsonBody<RegisterTemplateRequest>,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    let RegisterTemplateRequest { description, files } = body.value;
    let template = TemplateRef {
        name: path.parse("template")?,
        version: path.parse("version")?,
    };
    let tools = Arc::clone(&state.tools);
    // Hundreds of texts may take a while to render: not on a thread that serves others.
    let files = actix_web::web::block(move || tools.check_template(&files).map(|()| files))
        .await
        .map_err(|error| crate::problem::internal(error.to_string()))?
        .map_err(|rule| Problem::invalid_field("files", rule, None))?;
    let context = head.context(&body.fingerprint, None);
    let request = RegisterTemplate {
        template,
        description,
        files,
    };
    let accepted = state.commands.register_template(&context, request).await?;
    respond(&state, &head, accepted, Kind::Done).await
}

/// Templates, by name.
#[utoipa::path(get, path = "/api/v1/templates", operation_id = "ListTemplates", tag = "templates",
    params(
        ("limit" = Option<u32>, Query, description = "Entries of a page", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "From `next` of the page before"),
        ("after" = Option<String>, Query, description = "Wait until the read model has this position"),
    ),
    responses((status = 200, description = "A page", body = Page<Template>)))]
pub(crate) async fn list(
    state: Data<AppState>,
    request: HttpRequest,
    query: QueryParams,
) -> Result<HttpResponse, Problem> {
    query.only(&["limit", "cursor", "after"])?;
    let page = PageRequest::of(&query, state.config.limits.page_size)?;
    wait_for_named(&state, &request, &query, MODELS).await?;
    let found = state.queries.templates(&page.into()).await?;
    Ok(HttpResponse::Ok().json(Page::new(found, request.path(), &query)))
}

/// One template, with its versions.
#[utoipa::path(get, path = "/api/v1/templates/{template}", operation_id = "GetTemplate", tag = "templates",
    params(
        ("template" = String, Path, description = "Name of the template"),
        ("after" = Option<String>, Query, description = "Wait until the read model has this position"),
    ),
    responses((status = 200, description = "The template", body = Template)))]
pub(crate) async fn get(
    state: Data<AppState>,
    request: HttpRequest,
    path: PathParams,
    query: QueryParams,
) -> Result<HttpResponse, Problem> {
    query.only(&["after"])?;
    let name: TemplateName = path.parse("template")?;
    wait_for_named(&state, &request, &query, MODELS).await?;
    let found = state
        .queries
        .template(name.as_str())
        .await?
        .ok_or_else(|| Problem::not_found("template", name.as_str()))?;
    Ok(HttpResponse::Ok()
        .insert_header(("ETag", etag::of(found.version.unsigned_abs())))
        .json(found))
}

/// One version of a template, with its files.
#[utoipa::path(get, path = "/api/v1/templates/{template}/versions/{version}", operation_id = "GetTemplateVersion",
    tag = "templates",
    params(
        ("template" = String, Path, description = "Name of the template"),
        ("version" = String, Path, description = "Three numbers, as in 1.0.0"),
    ),
    responses((status = 200, description = "The version", body = TemplateVersionView)))]
pub(crate) async fn get_version(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    let name: TemplateName = path.parse("template")?;
    let version: TemplateVersion = path.parse("version")?;
    // The files are in the journal only.
    let loaded = state.journal.load::<Aggregate>(name.as_str()).await?;
    let found = loaded
        .state
        .versions
        .get(&version)
        .ok_or_else(|| Problem::not_found("template version", &format!("{name}@{version}")))?;
    let files = found.files.iter();
    Ok(HttpResponse::Ok().json(TemplateVersionView {
        name: name.to_string(),
        version: version.to_string(),
        description: found.description.clone(),
        digest: found.digest.clone(),
        files: files
            .map(|(path, text)| (path.to_owned(), text.to_owned()))
            .collect(),
    }))
}

pub(super) fn configure(app: &mut ServiceConfig) {
    app.service(web::resource("/templates").get(list))
        .service(web::resource("/templates/{template}").get(get))
        .service(
            web::resource("/templates/{template}/versions/{version}")
                .get(get_version)
                .put(register),
        );
}
