//! Logs and metrics of the process.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat};

/// From half a millisecond to a minute.
const SECONDS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

/// Starts logging to standard error. A second call changes nothing.
///
/// # Errors
/// Where the filter is none.
pub fn start_logging(config: &LogConfig) -> Result<(), String> {
    let filter =
        EnvFilter::try_new(&config.level).map_err(|error| format!("log.level: is no filter: {error}"))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let _ = match config.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    Ok(())
}

/// The process's recorder of metrics; made at the first call.
pub fn metrics_handle() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let builder = PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)
                .unwrap_or_default();
            let recorder = builder.build_recorder();
            let handle = recorder.handle();
            if metrics::set_global_recorder(recorder).is_err() {
                tracing::warn!("metrics go to another recorder of this process; /metrics stays empty");
            }
            describe();
            handle
        })
        .clone()
}

fn describe() {
    metrics::describe_counter!(
        "opstella_http_requests_total",
        "Requests by route, method and status."
    );
    metrics::describe_histogram!(
        "opstella_http_request_seconds",
        "Time to answer, by route and method."
    );
    metrics::describe_gauge!("opstella_http_requests_in_flight", "Requests being answered.");
    metrics::describe_gauge!("opstella_http_streams", "Event streams open.");
    metrics::describe_counter!(
        "opstella_http_streams_dropped_total",
        "Event streams closed because their reader was too slow."
    );
    metrics::describe_counter!("opstella_auth_refused_total", "Tokens refused, by reason.");
    metrics::describe_counter!(
        "opstella_reports_asked_total",
        "Reports that tools were asked for, by kind and what came of it."
    );
    metrics::describe_counter!(
        "opstella_webhooks_total",
        "Webhooks of tools, by tool and what became of them."
    );
    metrics::describe_counter!(
        "opstella_rate_limited_total",
        "Requests over a subject's rate limit."
    );
    metrics::describe_counter!("opstella_commands_total", "Commands by name and outcome.");
    metrics::describe_counter!(
        "opstella_notifications_total",
        "Notifications delivered, failed attempts, and dead letters, by outcome."
    );
    metrics::describe_histogram!(
        "opstella_notification_seconds",
        "Time that receivers took to answer."
    );
    metrics::describe_gauge!("opstella_notifications_waiting", "Deliveries that wait.");
    metrics::describe_gauge!("opstella_notifications_dead", "Dead letters.");
    metrics::describe_gauge!(
        "opstella_notifications_lag_seconds",
        "Age of the oldest delivery that waits."
    );
    metrics::describe_gauge!(
        "opstella_engine_active",
        "1 where this process holds the engine's lease."
    );
}
