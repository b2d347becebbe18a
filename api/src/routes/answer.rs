//! What commands are answered.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, ETAG, LOCATION};
use actix_web::{HttpResponse, HttpResponseBuilder};
use cqrs_es::Aggregate;
use opstella_commands::Accepted;
use opstella_domain::RunId;
use opstella_domain::run::Run;
use opstella_journal::Position;
use opstella_projections::queries::RunDetail;
use serde::Serialize;
use tokio::time::{Instant, timeout_at};
use utoipa::ToSchema;

use super::runs;
use crate::http::command::CommandHead;
use crate::http::visible::{self, POSITION};
use crate::http::{BASE, etag};
use crate::problem::Problem;
use crate::state::AppState;

/// What a command led to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CommandAnswer {
    /// Path of the resource that was made or changed.
    #[schema(examples("/api/v1/projects/payments/services/checkout"))]
    pub resource: String,
    /// Path of the run that was started or changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(examples("/api/v1/runs/019f2b7c-6c1e-7d52-9a55-0d1f6e0c4b11"))]
    pub run: Option<String>,
    /// The resource's version: its ETag.
    pub version: u64,
    /// The place of the command's last event: pass it as `?after=` to read what the command did.
    #[schema(examples("1234-56"))]
    pub position: String,
}

/// What a command led to that made a secret.
#[derive(Serialize, ToSchema)]
pub struct SecretAnswer {
    /// As of any command.
    #[serde(flatten)]
    pub answer: CommandAnswer,
    /// The secret that signs notifications from now on. It is shown here only.
    #[schema(examples("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))]
    pub secret: String,
}

/// How a command that was carried out is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It made something: 201.
    Created,
    /// It was taken, and what it asks for may come later: 202.
    Asked,
    /// It started a run: 202; with `Prefer: wait` 200 and the run, once it has ended.
    Started,
    /// It changed something: 200.
    Done,
}

/// Answers a command that was carried out.
pub(super) async fn respond(
    state: &AppState,
    head: &CommandHead,
    accepted: Accepted,
    kind: Kind,
) -> Result<HttpResponse, Problem> {
    let resource = format!("{BASE}{}", accepted.resource);
    let run = accepted.run.map(|run| format!("{BASE}/runs/{run}"));
    let (status, location) = match kind {
        Kind::Created => (StatusCode::CREATED, Some(resource.clone())),
        Kind::Asked => (StatusCode::ACCEPTED, Some(resource.clone())),
        Kind::Started => (StatusCode::ACCEPTED, run.clone()),
        Kind::Done => (StatusCode::OK, None),
    };
    if let (Kind::Started, Some(wait), Some(run)) = (kind, head.wait, accepted.run)
        && let Some(ended) = ended_run(state, run, wait).await
    {
        let mut response = HttpResponse::Ok();
        decorate(&mut response, &accepted, location.as_deref());
        response.insert_header(("Preference-Applied", "wait"));
        return Ok(response.json(ended));
    }
    let mut response = HttpResponse::build(status);
    decorate(&mut response, &accepted, location.as_deref());
    if !matches!(kind, Kind::Started | Kind::Asked) {
        response.insert_header((ETAG, etag::of(accepted.version)));
    }
    Ok(response.json(CommandAnswer {
        resource,
        run,
        version: accepted.version,
        position: accepted.position.to_string(),
    }))
}

/// Answers a command that made a secret: the answer, the secret with it, and nobody keeps a copy.
pub(super) fn respond_with_secret(accepted: &Accepted, created: bool, secret: String) -> HttpResponse {
    let resource = format!("{BASE}{}", accepted.resource);
    let (mut response, location) = if created {
        (HttpResponse::Created(), Some(resource.as_str()))
    } else {
        (HttpResponse::Ok(), None)
    };
    decorate(&mut response, accepted, location);
    response
        .insert_header((ETAG, etag::of(accepted.version)))
        .insert_header((CACHE_CONTROL, "no-store"));
    let answer = CommandAnswer {
        resource,
        run: None,
        version: accepted.version,
        position: accepted.position.to_string(),
    };
    response.json(SecretAnswer { answer, secret })
}

fn decorate(response: &mut HttpResponseBuilder, accepted: &Accepted, location: Option<&str>) {
    response.insert_header((POSITION, accepted.position.to_string()));
    if let Some(location) = location {
        response.insert_header((LOCATION, location));
    }
    if accepted.replayed {
        response.insert_header(("Idempotency-Replayed", "true"));
    }
}

/// The run, where it ends in time and is seen by queries. The command was carried out: what goes wrong in waiting for its
/// end is no reason to answer that it was not.
async fn ended_run(state: &AppState, run: RunId, wait: Duration) -> Option<RunDetail> {
    let look = async {
        let Some(ended) = wait_for_end(state, run, wait).await? else {
            return Ok(None);
        };
        visible::wait_for(state, runs::MODELS, ended).await?;
        runs::find(state, run).await.map(Some)
    };
    look.await.unwrap_or_else(|problem: Problem| {
        tracing::warn!(%run, why = problem.detail, "the end of a run could not be waited for");
        None
    })
}

/// The position of the run's last event once the run has ended, if it ends in time. Not the journal's head: that lags
/// behind while any older transaction is open, and the read models that have reached it may not have the end.
async fn wait_for_end(state: &AppState, run: RunId, wait: Duration) -> Result<Option<Position>, Problem> {
    // Looking is cheap (the run is warm) and sees what a lost or late event would hide.
    const LOOK_AGAIN: Duration = Duration::from_millis(500);
    let deadline = Instant::now() + wait;
    let mut events = state.events.follow();
    let id = run.to_string();
    loop {
        let loaded = state.commands.load_run(run).await?;
        if loaded.state.status.ended() {
            let history = state.journal.history(Run::TYPE, &id, loaded.version, 1).await?;
            return Ok(history.last().map(|event| event.position));
        }
        let now = Instant::now();
        if now >= deadline || state.stopping.is_cancelled() {
            return Ok(None);
        }
        let next_look = (now + LOOK_AGAIN).min(deadline);
        let of_the_run = async {
            while let Ok(event) = events.recv().await {
                if event.aggregate_type == "Run" && event.aggregate_id == id {
                    return;
                }
            }
            tokio::time::sleep_until(next_look).await;
        };
        let _ = timeout_at(next_look, of_the_run).await;
    }
}
