//! Server-sent events: of one run, and of everything.
//!
//! A stream first reads from the journal what it missed since `Last-Event-ID`, then follows the
//! [`EventHub`](crate::events::EventHub). Both give events in the journal's one order, so the seam shows neither gap nor repetition.

mod feed;
mod filter;
mod places;
mod sent;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use opstella_domain::run::Run;
use opstella_domain::{Decide, RunId};
use opstella_journal::Position;

use crate::auth::Caller;
use crate::http::params::{PathParams, QueryParams};
use crate::problem::{Problem, ProblemKind};
use crate::state::AppState;
use feed::{Feed, Scope, StreamReader};
use filter::Filter;
use places::NoPlace;
use sent::ServerSentEvent;

pub use places::StreamPlaces;

/// Everything that happens in a run, as server-sent events: from its beginning, or after `Last-Event-ID`. The stream
/// ends with the run.
#[utoipa::path(get, path = "/api/v1/runs/{run}/events", operation_id = "StreamRunEvents", tag = "events",
    params(
        ("run" = uuid::Uuid, Path, description = "Id of the run"),
        ("Last-Event-ID" = Option<String>, Header, description = "Position of the last event that was received"),
    ),
    responses((status = 200, description = "Events; the id of each is its position, the data an `EventView`",
        body = ServerSentEvent, content_type = "text/event-stream")))]
pub(crate) async fn run(
    state: Data<AppState>,
    request: HttpRequest,
    path: PathParams,
    query: QueryParams,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    let run: RunId = path.parse("run")?;
    let from = last_event_id(&state, &request).await?;
    let loaded = state.commands.load_run(run).await?;
    let service = loaded.state.service.as_ref();
    let project = service.map(|service| service.project.clone());
    let project = project.ok_or_else(|| Problem::not_found("run", &run.to_string()))?;
    let before = before_first_event(&state, &run.to_string()).await?;
    let from = from.unwrap_or(before).max(before);
    let scope = Scope::Run {
        id: run.to_string(),
        project,
    };
    open(&state, &request, &caller, scope, from)
}

/// Everything that happens in projects that the caller may read, as server-sent events: from now on, or after `Last-Event-ID` (`0-0`: from the beginning).
#[utoipa::path(get, path = "/api/v1/events/stream", operation_id = "StreamEvents", tag = "events",
    params(
        ("project" = Option<String>, Query, description = "That concern this project"),
        ("service" = Option<String>, Query, description = "That concern this service of the project"),
        ("environment" = Option<String>, Query, description = "That concern this environment: `PRD`"),
        ("aggregate_type" = Option<String>, Query, description = "Of this type of aggregate: `Project`, `Service`, \
            `Release`, `Artifact`, `Environment`, `Policy`, `Run`, `Template`, `ToolConnection`, `Subscription` or `Access`"),
        ("Last-Event-ID" = Option<String>, Header, description = "Position of the last event that was received"),
    ),
    responses((status = 200, description = "Events; the id of each is its position, the data an `EventView`",
        body = ServerSentEvent, content_type = "text/event-stream")))]
pub(crate) async fn all(
    state: Data<AppState>,
    request: HttpRequest,
    query: QueryParams,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let filter = Filter::of(&query)?;
    let from = match last_event_id(&state, &request).await? {
        Some(position) => position,
        None => state.journal.head().await?,
    };
    open(&state, &request, &caller, Scope::All(filter), from)
}

/// The place right before a run's first event: nothing earlier needs to be read.
async fn before_first_event(state: &AppState, run: &str) -> Result<Position, Problem> {
    let first = state.journal.history(<Run as Decide>::TYPE, run, 1, 1).await?;
    Ok(first.first().map_or(Position::START, |event| Position {
        transaction_id: event.position.transaction_id,
        position: event.position.position - 1,
    }))
}

fn open(
    state: &Data<AppState>,
    request: &HttpRequest,
    caller: &Caller,
    scope: Scope,
    from: Position,
) -> Result<HttpResponse, Problem> {
    let context = caller.context(request);
    let place = state.streams.take(&context.actor.subject).map_err(|reason| {
        let limits = &state.config.limits;
        let (kind, detail) = match reason {
            NoPlace::Full => (
                ProblemKind::Unavailable,
                format!("{} streams are open, and no more are served at once", limits.streams),
            ),
            NoPlace::TooMany => (
                ProblemKind::RateLimited,
                format!(
                    "{} streams of yours are open, and one subject gets no more: close one, or follow everything in one",
                    limits.streams_per_subject
                ),
            ),
        };
        Problem::new(kind, detail).header("Retry-After", "10")
    })?;
    let reader = StreamReader {
        context,
        oversees: caller.oversees(),
        expires_at: caller.expires_at,
        session: caller.session,
    };
    let feed = Feed::new(state.clone().into_inner(), scope, from, reader, place);
    Ok(HttpResponse::Ok()
        .insert_header(("Content-Type", "text/event-stream"))
        .insert_header(("Cache-Control", "no-cache, no-store"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(feed.into_stream()))
}

async fn last_event_id(state: &AppState, request: &HttpRequest) -> Result<Option<Position>, Problem> {
    let Some(value) = request.headers().get("last-event-id") else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
    if text.is_empty() {
        return Ok(None);
    }
    let refused = |rule: &str| Problem::parameter("Last-Event-ID", rule, &text);
    let position: Position = text
        .parse()
        .map_err(|_| refused("a position as the `id` of an event, such as 123-456"))?;
    if state.journal.is_ahead(position).await? {
        return Err(refused(
            "the `id` of an event that was: this is of none yet, perhaps of another database; leave it out to begin anew",
        ));
    }
    Ok(Some(position))
}
