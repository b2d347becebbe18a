//! `/healthz`, `/readyz`, `/metrics`: for machines that watch; no token.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::{self, Data, ServiceConfig};
use opstella_projections::ProjectionState;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::state::AppState;
use crate::telemetry;

/// Longest wait for the database.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether requests can be served.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Readiness {
    /// Whether requests can be served: a projection that stopped or lags behind is told, and stops nothing else.
    pub ready: bool,
    /// What was looked at.
    pub checks: Vec<ReadinessCheck>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReadinessCheck {
    /// Which: `database`, `oidc-keys`, `engine`, `projection:<name>`.
    pub name: String,
    /// Whether it is well.
    pub ok: bool,
    /// What is wrong, or how it is.
    pub message: String,
    /// Whether nothing can be served without it.
    pub essential: bool,
}

impl ReadinessCheck {
    fn new(name: impl Into<String>, ok: bool, message: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ok,
            message: message.into(),
            essential: true,
        }
    }

    /// Something that the rest goes on without.
    fn aside(self) -> Self {
        Self {
            essential: false,
            ..self
        }
    }
}

/// The process runs.
#[utoipa::path(get, path = "/healthz", operation_id = "GetHealth", tag = "probes",
    responses((status = 200, description = "The process runs", body = String, content_type = "text/plain")))]
pub(crate) async fn health() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body("ok\n")
}

/// Whether requests can be served, and what is wrong.
#[utoipa::path(get, path = "/readyz", operation_id = "GetReadiness", tag = "probes",
    responses(
        (status = 200, description = "Requests can be served", body = Readiness),
        (status = 503, description = "Requests cannot be served; `checks` says why", body = Readiness),
    ))]
pub(crate) async fn ready(state: Data<AppState>) -> HttpResponse {
    let mut checks = vec![database(&state).await, oidc_keys(&state)];
    checks.extend(engine(&state));
    checks.extend(projections(&state).await);
    if state.stopping.is_cancelled() {
        let message = "the process was told to stop, and takes no new connections";
        checks.push(ReadinessCheck::new("stopping", false, message));
    }
    let ready = checks.iter().all(|check| check.ok || !check.essential);
    let mut response = if ready {
        HttpResponse::Ok()
    } else {
        HttpResponse::ServiceUnavailable()
    };
    response.json(Readiness { ready, checks })
}

async fn database(state: &AppState) -> ReadinessCheck {
    let asked = sqlx::query("SELECT 1").execute(state.journal.pool());
    match timeout(PATIENCE, asked).await {
        Ok(Ok(_)) => ReadinessCheck::new("database", true, "answers"),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the database does not answer");
            ReadinessCheck::new("database", false, "does not answer; the log says why")
        }
        Err(_) => ReadinessCheck::new(
            "database",
            false,
            format!("does not answer within {} s", PATIENCE.as_secs()),
        ),
    }
}

fn oidc_keys(state: &AppState) -> ReadinessCheck {
    let status = state.verifier.status();
    let message = match (&status.error, status.keys) {
        (None, 0) => "not read yet".to_owned(),
        (None, keys) => format!("{keys} keys"),
        (Some(error), 0) => error.clone(),
        (Some(error), keys) => format!("{keys} keys, which could not be refreshed: {error}"),
    };
    ReadinessCheck::new("oidc-keys", status.keys > 0, message)
}

/// Another process may hold the lease: standing by is well too.
fn engine(state: &AppState) -> Option<ReadinessCheck> {
    let active = state.tools.engine_active()?;
    let message = if active {
        "executes runs"
    } else {
        "stands by: another process executes runs, or this one starts to"
    };
    Some(ReadinessCheck::new("engine", true, message))
}

async fn projections(state: &AppState) -> Vec<ReadinessCheck> {
    let all = match timeout(PATIENCE, state.projections.status()).await {
        Ok(Ok(all)) => all,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the projections cannot be looked at");
            return vec![ReadinessCheck::new(
                "projections",
                false,
                "cannot be looked at; the log says why",
            )];
        }
        Err(_) => {
            return vec![ReadinessCheck::new(
                "projections",
                false,
                "cannot be looked at in time",
            )];
        }
    };
    let patience = state.config.limits.projection_lag_seconds * 1000;
    let check = |status: opstella_projections::ProjectionStatus| {
        let lagging = status.lag_events > 0 && status.lag_ms > patience;
        let ok = status.status == ProjectionState::Running && !lagging;
        let message = match status.error {
            Some(_) => format!(
                "stopped; `opstella projections status` says why. Once that is mended: `opstella projections rebuild {}`",
                status.name
            ),
            None => format!("{}, {} events behind", status.status.slug(), status.lag_events),
        };
        ReadinessCheck::new(format!("projection:{}", status.name), ok, message).aside()
    };
    all.into_iter().map(check).collect()
}

/// Metrics in the form that Prometheus reads.
#[utoipa::path(get, path = "/metrics", operation_id = "GetMetrics", tag = "probes",
    responses((status = 200, description = "Metrics", body = String, content_type = "text/plain")))]
pub(crate) async fn metrics(state: Data<AppState>) -> HttpResponse {
    let active = state.tools.engine_active().unwrap_or(false);
    metrics::gauge!("opstella_engine_active").set(if active { 1.0 } else { 0.0 });
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(telemetry::metrics_handle().render())
}

pub(super) fn configure(app: &mut ServiceConfig) {
    app.service(web::resource("/healthz").get(health))
        .service(web::resource("/readyz").get(ready))
        .service(web::resource("/metrics").get(metrics));
}
