//! The audit log.

use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use opstella_commands::CommandError;
use opstella_domain::subscription::Subscription;
use opstella_domain::{Decide, ProjectSlug, ServiceName};
use opstella_journal::Position;
use opstella_projections::queries::{AuditEvent, AuditEventDetail, AuditFilter};
use uuid::Uuid;

use super::stream;
use crate::auth::Caller;
use crate::events::AGGREGATES;
use crate::http::page::{Page, PageRequest};
use crate::http::params::{PathParams, QueryParams};
use crate::http::visible::wait_for_named;
use crate::problem::Problem;
use crate::state::AppState;

/// Who may read which project is in the catalog.
const MODELS: &[&str] = &["audit", "catalog"];
const INSTANT: &str = "an instant as in 2026-01-31T12:00:00Z";
const PARAMETERS: &[&str] = &[
    "aggregate_type",
    "aggregate_id",
    "project",
    "service",
    "actor",
    "event_type",
    "command",
    "correlation",
    "run",
    "from",
    "to",
    "order",
    "limit",
    "cursor",
    "after",
];

/// Everything that happened in projects that the caller may read, the newest first. Those who oversee the platform see
/// also what concerns no project.
#[utoipa::path(get, path = "/api/v1/events", operation_id = "ListEvents", tag = "events",
    params(
        ("aggregate_type" = Option<String>, Query, description = "Of this type of aggregate: `Project`, `Service`, \
            `Release`, `Artifact`, `Environment`, `Policy`, `Run`, `Template`, `ToolConnection`, `Subscription` or `Access`"),
        ("aggregate_id" = Option<String>, Query, description = "Id of the aggregate: payments/checkout"),
        ("project" = Option<String>, Query, description = "That concern this project"),
        ("service" = Option<String>, Query, description = "That concern this service of the project"),
        ("actor" = Option<String>, Query, description = "Caused by this subject"),
        ("event_type" = Option<String>, Query, description = "Of this type: RunFailed"),
        ("command" = Option<String>, Query, description = "By this command: CreateService"),
        ("correlation" = Option<String>, Query, description = "Of the request with this X-Request-Id"),
        ("run" = Option<Uuid>, Query, description = "Of this run"),
        ("from" = Option<DateTime<Utc>>, Query, description = "Recorded at or after"),
        ("to" = Option<DateTime<Utc>>, Query, description = "Recorded before"),
        ("order" = Option<String>, Query, description = "newest-first (default) or oldest-first"),
        ("limit" = Option<u32>, Query, description = "Entries of a page", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "From `next` of the page before"),
        ("after" = Option<String>, Query, description = "Wait until the read model has this position"),
    ),
    responses((status = 200, description = "A page", body = Page<AuditEvent>)))]
pub(crate) async fn list(
    state: Data<AppState>,
    request: HttpRequest,
    query: QueryParams,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    query.only(PARAMETERS)?;
    let text = |name: &str| query.get(name).map(str::to_owned);
    let order = query.one_of("order", &["newest-first", "oldest-first"])?;
    let filter = AuditFilter {
        aggregate_type: query.one_of("aggregate_type", AGGREGATES)?,
        aggregate_id: text("aggregate_id"),
        project: query.text_of::<ProjectSlug>("project")?,
        service: query.text_of::<ServiceName>("service")?,
        actor: text("actor"),
        event_type: text("event_type"),
        command: text("command"),
        correlation: text("correlation"),
        run: query.parse::<Uuid>("run", "a UUID")?,
        from: instant(&query, "from")?,
        to: instant(&query, "to")?,
        oldest_first: order.as_deref() == Some("oldest-first"),
    };
    let page = PageRequest::of(&query, state.config.limits.page_size)?;
    wait_for_named(&state, &request, &query, MODELS).await?;
    let found = state
        .queries
        .audit_events(&filter, &caller.reader(), &page.into())
        .await?;
    Ok(HttpResponse::Ok().json(Page::new(found, request.path(), &query)))
}

/// One event, with what it says.
#[utoipa::path(get, path = "/api/v1/events/{position}", operation_id = "GetEvent", tag = "events",
    params(("position" = String, Path, description = "Its place in the order of all events: 1234-56")),
    responses((status = 200, description = "The event", body = AuditEventDetail)))]
pub(crate) async fn get(
    state: Data<AppState>,
    request: HttpRequest,
    path: PathParams,
    query: QueryParams,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    let text = path.text("position");
    let position: Position = text
        .parse()
        .map_err(|_| Problem::parameter("position", "a position such as 1234-56", text))?;
    let found = state.queries.audit_event(position).await?;
    let missing = || Problem::not_found("event", text);
    let found = found.ok_or_else(missing)?;
    if !caller.oversees() {
        let project = found.event.project.as_deref().ok_or_else(missing)?;
        let project: ProjectSlug = project.parse().map_err(|_| missing())?;
        let context = caller.context(&request);
        let query = query_of(&found.event.aggregate_type);
        let permitted = state.commands.permit(&context, query, Some(&project)).await;
        permitted.map_err(|error| match error {
            CommandError::Domain(_) | CommandError::Forbidden { .. } => missing(),
            error => error.into(),
        })?;
    }
    Ok(HttpResponse::Ok().json(found))
}

/// The query of which who may not ask it sees no event of an aggregate either. Where a subscription's events go is not
/// for all who read the project.
pub(super) fn query_of(aggregate_type: &str) -> &'static str {
    match aggregate_type {
        <Subscription as Decide>::TYPE => "ListSubscriptions",
        _ => "GetEvent",
    }
}

/// An instant that PostgreSQL can hold.
fn instant(query: &QueryParams, name: &str) -> Result<Option<DateTime<Utc>>, Problem> {
    let instant = query.parse::<DateTime<Utc>>(name, INSTANT)?;
    let years = 1970..=9999;
    match instant {
        Some(instant) if !years.contains(&chrono::Datelike::year(&instant)) => Err(Problem::parameter(
            name,
            "an instant from 1970 to 9999",
            query.get(name).unwrap_or_default(),
        )),
        instant => Ok(instant),
    }
}

pub(super) fn configure(app: &mut ServiceConfig) {
    app.service(web::resource("/events").get(list))
        .service(web::resource("/events/stream").get(stream::all))
        .service(web::resource("/events/{position}").get(get));
}
