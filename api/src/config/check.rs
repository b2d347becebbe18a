//! Rules that types alone do not hold.

use jsonwebtoken::{Algorithm, AlgorithmFamily};
use opstella_adapters::notifier::SigningKey;

use super::{Config, ConfigError, is_plain_loopback, session_key};

/// Checks every value that has a rule.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let (limits, notifications) = (&config.limits, &config.notifications);
    let (server, database, oidc, engine) = (&config.server, &config.database, &config.oidc, &config.engine);
    let session = &config.session;
    for (key, value, least, most) in [
        (
            "server.shutdown_grace_seconds",
            server.shutdown_grace_seconds,
            1,
            600,
        ),
        ("server.workers", server.workers as u64, 0, 256),
        (
            "database.max_connections",
            database.max_connections.into(),
            2,
            500,
        ),
        (
            "database.acquire_timeout_seconds",
            database.acquire_timeout_seconds,
            1,
            60,
        ),
        ("oidc.leeway_seconds", oidc.leeway_seconds, 0, 300),
        ("oidc.jwks_refresh_seconds", oidc.jwks_refresh_seconds, 5, 86_400),
        (
            "oidc.jwks_max_age_seconds",
            oidc.jwks_max_age_seconds,
            60,
            604_800,
        ),
        (
            "oidc.jwks_min_interval_seconds",
            oidc.jwks_min_interval_seconds,
            1,
            3600,
        ),
        ("oidc.timeout_seconds", oidc.timeout_seconds, 1, 60),
        ("session.lifetime_hours", session.lifetime_hours, 1, 720),
        ("session.idle_minutes", session.idle_minutes, 1, 43_200),
        ("limits.body_bytes", limits.body_bytes as u64, 1024, 16 << 20),
        ("limits.page_size", limits.page_size.into(), 1, 200),
        ("limits.header_bytes", limits.header_bytes as u64, 1024, 65_536),
        ("limits.path_bytes", limits.path_bytes as u64, 256, 16_384),
        (
            "limits.request_timeout_seconds",
            limits.request_timeout_seconds,
            1,
            300,
        ),
        ("limits.wait_seconds", limits.wait_seconds, 1, 60),
        (
            "limits.read_your_writes_seconds",
            limits.read_your_writes_seconds,
            1,
            60,
        ),
        (
            "limits.requests_per_second",
            limits.requests_per_second.into(),
            1,
            100_000,
        ),
        ("limits.burst", limits.burst.into(), 1, 100_000),
        ("limits.reports_at_once", limits.reports_at_once as u64, 1, 64),
        ("limits.streams", limits.streams as u64, 1, 100_000),
        (
            "limits.streams_per_subject",
            limits.streams_per_subject as u64,
            1,
            100_000,
        ),
        ("limits.stream_buffer", limits.stream_buffer as u64, 16, 65_536),
        ("limits.heartbeat_seconds", limits.heartbeat_seconds, 1, 300),
        (
            "limits.projection_lag_seconds",
            limits.projection_lag_seconds,
            1,
            86_400,
        ),
        (
            "engine.step_timeout_seconds",
            engine.step_timeout_seconds,
            1,
            3600,
        ),
        ("engine.watch_seconds", engine.watch_seconds, 1, 3600),
        ("engine.evidence_seconds", engine.evidence_seconds, 1, 600),
        ("engine.evidence_hours", engine.evidence_hours, 1, 8760),
        ("engine.rescan_hours", engine.rescan_hours, 1, 8760),
        (
            "notifications.timeout_seconds",
            notifications.timeout_seconds,
            1,
            60,
        ),
        (
            "notifications.max_attempts",
            notifications.max_attempts.into(),
            1,
            1000,
        ),
        ("notifications.max_age_hours", notifications.max_age_hours, 1, 720),
        ("notifications.backlog", notifications.backlog.into(), 10, 100_000),
        (
            "notifications.concurrency",
            notifications.concurrency as u64,
            1,
            10_000,
        ),
        ("notifications.keep_days", notifications.keep_days, 1, 3650),
        (
            "engine.deploy_wait_minutes",
            engine.deploy_wait_minutes.into(),
            1,
            1440,
        ),
    ] {
        within(key, value, least, most)?;
    }
    for (tool, limit) in &engine.tools {
        let key = |name: &str| format!("engine.tools.{tool}.{name}");
        within(&key("concurrency"), limit.concurrency as u64, 1, 1000)?;
        within(&key("per_second"), limit.per_second.into(), 1, 10_000)?;
        within(&key("circuit_failures"), limit.circuit_failures.into(), 1, 1000)?;
        within(
            &key("circuit_pause_seconds"),
            limit.circuit_pause_seconds,
            1,
            3600,
        )?;
    }
    if let Some(key) = &notifications.signing_key
        && let Err(error) = SigningKey::configured(key)
    {
        return broken("notifications.signing_key", &error.to_string());
    }
    if oidc.audience.is_empty() {
        return broken("oidc.audience", "must not be empty");
    }
    if let Some(issuer) = &oidc.issuer {
        let fits = url::Url::parse(issuer).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !fits {
            return broken("oidc.issuer", "must be an http or https URL");
        }
    }
    let symmetric = |algorithm: &Algorithm| algorithm.family() == AlgorithmFamily::Hmac;
    if oidc.algorithms.is_empty() || oidc.algorithms.iter().any(symmetric) {
        return broken(
            "oidc.algorithms",
            "at least one, and asymmetric ones only: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA",
        );
    }
    check_sign_in(config)?;
    let url = &server.public_url;
    if !matches!(url.scheme(), "http" | "https") || url.query().is_some() || url.fragment().is_some() {
        return broken(
            "server.public_url",
            "must be an http or https URL without query and fragment",
        );
    }
    Ok(())
}

fn check_sign_in(config: &Config) -> Result<(), ConfigError> {
    let oidc = &config.oidc;
    if oidc.client_id.as_ref().is_some_and(String::is_empty) {
        return broken(
            "oidc.client_id",
            "must not be empty; leave it out where no browser is to sign in",
        );
    }
    let url = &config.server.public_url;
    if oidc.client_id.is_some() && url.scheme() == "http" && !is_plain_loopback(url) {
        return broken(
            "server.public_url",
            "must be https where oidc.client_id is set, or on loopback: browsers keep the session's cookie to TLS",
        );
    }
    if oidc.client_secret.is_some() && oidc.client_id.is_none() {
        return broken("oidc.client_secret", "needs oidc.client_id beside it");
    }
    if !oidc.scopes.iter().any(|scope| scope == "openid") {
        return broken("oidc.scopes", "must contain openid");
    }
    if let Some(key) = &config.session.key {
        session_key(key)?;
    }
    Ok(())
}

fn within(key: &str, value: u64, least: u64, most: u64) -> Result<(), ConfigError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    broken(key, &format!("must be {least} to {most}, is {value}"))
}

fn broken(key: &str, rule: &str) -> Result<(), ConfigError> {
    Err(ConfigError::Invalid {
        key: key.to_owned(),
        rule: rule.to_owned(),
        place: "in the configuration".to_owned(),
    })
}
