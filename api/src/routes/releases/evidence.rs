//! Evidence: reports in, and their originals out.

use std::str::FromStr;

use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chrono::Utc;
use opstella_commands::{AddEvidence, Report};
use opstella_domain::evidence::{ArtifactKey, ReportKind, Suite};
use opstella_domain::release::{Digest, ReleaseKey};
use opstella_domain::{ComponentName, Environment, InvalidValue};
use opstella_evidence::{Expected, Limits, ReportError, decompress, parse};
use opstella_projections::queries::{Evidence, EvidenceFilter};

use super::key;
use crate::http::command::CommandHead;
use crate::http::page::{Page, PageRequest};
use crate::http::params::{PathParams, QueryParams};
use crate::http::report_body::ReportBody;
use crate::http::visible::wait_for_named;
use crate::problem::{Problem, ProblemKind};
use crate::routes::answer::{CommandAnswer, Kind, respond};
use crate::state::AppState;

/// Adds a report on the image of a component: the original, as the tool wrote it.
#[utoipa::path(post, path = "/api/v1/projects/{project}/services/{service}/releases/{version}/evidence",
    operation_id = "AddEvidence", tag = "releases",
    params(
        ("project" = String, Path, description = "Slug of the project"),
        ("service" = String, Path, description = "Name of the service"),
        ("version" = String, Path, description = "Version of the release"),
        ("kind" = String, Query, description = "`quality-gate`, `image-scan`, `filesystem-scan`, `config-scan`, \
            `registry-scan`, `sbom`, `static-analysis`, `dynamic-scan` or `tests`"),
        ("component" = String, Query, description = "Of which component's image"),
        ("environment" = Option<String>, Query, description = "Which environment was scanned, of a `dynamic-scan`"),
        ("scanned_at" = Option<DateTime<Utc>>, Query, description = "When the scan began, of a `dynamic-scan`: \
            `2026-11-25T10:30:00Z`. Needed where its report does not say when it was made; where it does, the scan is \
            taken to have begun 10 minutes before, unless this says otherwise"),
        ("suite" = Option<String>, Query, description = "Which of several reports of `tests`, or of one tool's \
            `static-analysis`, it is: `unit`. A later one of the same suite takes its place, and no other",
            max_length = 60),
        ("Content-Encoding" = Option<String>, Header, description = "`gzip`, or nothing"),
    ),
    request_body(content(
        (serde_json::Value = "application/json"),
        (String = "application/xml"),
    ), description = "The report, at most 8 MiB as sent and 32 MiB decompressed"),
    responses(
        (status = 201, description = "It is kept", body = CommandAnswer),
        (status = 503, description = "As many reports as are read at once are being read (`busy`), or something that is \
            needed is away", body = Problem, content_type = "application/problem+json",
            headers(("Retry-After" = u32, description = "Seconds until it may be sent again"))),
    ))]
pub(crate) async fn add(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
    head: CommandHead,
    body: ReportBody,
) -> Result<HttpResponse, Problem> {
    query.only(&["kind", "component", "environment", "scanned_at", "suite"])?;
    let kind: ReportKind = required(&query, "kind")?;
    let component: ComponentName = required(&query, "component")?;
    let environment: Option<Environment> = query.value("environment")?;
    let scanned_at = query.parse("scanned_at", "an instant, as 2026-11-25T10:30:00Z")?;
    let suite: Option<Suite> = query.value("suite")?;
    let context = head.context(&body.fingerprint, None);
    let key = key(&path)?;
    let image = state.commands.release_image(&key, &component).await?;
    let artifact = ArtifactKey {
        service: key.service.clone(),
        component: component.clone(),
        digest: image.digest.clone(),
    };
    // A scan of an image file names its configuration only, and which image has it, the registry knows.
    let configs = match kind {
        ReportKind::ImageScan | ReportKind::Sbom => {
            state
                .commands
                .permit(&context, "AddEvidence", Some(&key.service.project))
                .await?;
            state
                .tools
                .image_configs(&state.config.connection, &artifact)
                .await
        }
        _ => Ok(vec![]),
    };
    let unknown = configs.as_ref().err().cloned();
    let expected = Expected {
        digest: Some(image.digest),
        configs: configs.unwrap_or_default(),
        commit: Some(image.commit),
    };
    // Parsing takes a while for the largest: not on a thread that serves others.
    let ReportBody {
        bytes,
        encoding,
        content_type,
        place,
        ..
    } = body;
    let work = move || {
        let content = decompress(&bytes, encoding, Limits::default())?.into_owned();
        let parsed = parse(kind, &content, &expected)?;
        // It goes on also where nobody waits for it any more, and so keeps its place.
        Ok::<_, ReportError>((content, parsed, place))
    };
    let (content, parsed, place) = actix_web::web::block(work)
        .await
        .map_err(|error| crate::problem::internal(error.to_string()))?
        .map_err(|error| refused(error, unknown))?;
    let evidence = parsed
        .into_evidence(Utc::now(), environment)
        .of_suite(suite.as_ref());
    let request = AddEvidence {
        key,
        component,
        evidence,
        scanned_at,
        original: Report {
            content,
            content_type,
        },
    };
    let accepted = state.commands.add_evidence(&context, request).await?;
    drop(place);
    respond(&state, &head, accepted, Kind::Created).await
}

/// The original of a report on an image of the release.
#[utoipa::path(get, path = "/api/v1/projects/{project}/services/{service}/releases/{version}/evidence/{digest}",
    operation_id = "GetReport", tag = "releases",
    params(
        ("project" = String, Path, description = "Slug of the project"),
        ("service" = String, Path, description = "Name of the service"),
        ("version" = String, Path, description = "Version of the release"),
        ("digest" = String, Path, description = "Digest of the report, from the evidence"),
    ),
    responses((status = 200, description = "The report as it came", content(
        (serde_json::Value = "application/json"),
        (String = "application/xml"),
    ))))]
pub(crate) async fn report(
    state: Data<AppState>,
    path: PathParams,
    query: QueryParams,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    let digest: Digest = path.parse("digest")?;
    let missing = || Problem::not_found("report", digest.as_str());
    // Only what the release's evidence rests on, or rested on: a digest alone opens nothing.
    let key = key(&path)?;
    if !state.commands.rests_on(&key, &digest).await? && !rested_on(&state, &key, &digest).await? {
        return Err(missing());
    }
    let report = state.commands.report(&digest).await?.ok_or_else(missing)?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, report.content_type))
        .insert_header((CONTENT_DISPOSITION, "attachment"))
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .body(report.content))
}

/// Whether older evidence on an image of the release rests on a report. The read model has all of it; of the newest, the
/// commands know more.
async fn rested_on(state: &AppState, key: &ReleaseKey, report: &Digest) -> Result<bool, Problem> {
    let (project, service) = (key.service.project.as_str(), key.service.service.as_str());
    let queries = &state.queries;
    let found = queries
        .has_report(project, service, key.version.as_str(), report.as_str())
        .await?;
    Ok(found)
}

/// All evidence on the image of a component, the newest first: also what does not count any more.
#[utoipa::path(get, path = "/api/v1/projects/{project}/services/{service}/releases/{version}/evidence",
    operation_id = "ListEvidence", tag = "releases",
    params(
        ("project" = String, Path, description = "Slug of the project"),
        ("service" = String, Path, description = "Name of the service"),
        ("version" = String, Path, description = "Version of the release"),
        ("component" = String, Query, description = "On which component's image"),
        ("kind" = Option<String>, Query, description = "Of this kind only: `image-scan`"),
        ("limit" = Option<u32>, Query, description = "Entries of a page", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "From `next` of the page before"),
        ("after" = Option<String>, Query, description = "Wait until the read model has this position"),
    ),
    responses((status = 200, description = "A page", body = Page<Evidence>)))]
pub(crate) async fn list_evidence(
    state: Data<AppState>,
    request: HttpRequest,
    path: PathParams,
    query: QueryParams,
) -> Result<HttpResponse, Problem> {
    query.only(&["component", "kind", "limit", "cursor", "after"])?;
    let component: ComponentName = required(&query, "component")?;
    let kind: Option<ReportKind> = query.value("kind")?;
    let page = PageRequest::of(&query, state.config.limits.page_size)?;
    wait_for_named(&state, &request, &query, &["releases"]).await?;
    let key = key(&path)?;
    let image = state.commands.release_image(&key, &component).await?;
    let filter = EvidenceFilter {
        project: key.service.project.to_string(),
        service: key.service.service.to_string(),
        component: component.to_string(),
        digest: image.digest.to_string(),
        kind: kind.map(|kind| kind.slug().to_owned()),
    };
    let found = state.queries.evidence(&filter, &page.into()).await?;
    Ok(HttpResponse::Ok().json(Page::new(found, request.path(), &query)))
}

fn required<T: FromStr<Err = InvalidValue>>(query: &QueryParams, name: &str) -> Result<T, Problem> {
    let missing = || Problem::parameter(name, "is required", "");
    query.value(name)?.ok_or_else(missing)
}

/// Why a report is not taken; `unknown` says why it is not known which configurations its image has.
fn refused(error: ReportError, unknown: Option<String>) -> Problem {
    if let (ReportError::WrongDigest { .. }, Some(why)) = (&error, unknown) {
        let detail = format!("whether the report is of this image is not known now: {why}");
        return Problem::new(ProblemKind::Unavailable, detail).header("Retry-After", "10");
    }
    let kind = match error {
        ReportError::TooLarge { .. } => ProblemKind::TooLarge,
        _ => ProblemKind::InvalidField,
    };
    let text = error.to_string();
    Problem::new(kind, text.clone()).field("body", text, None)
}
