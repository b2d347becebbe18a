//! The notifier of this process, from its configuration.

use std::time::Duration;

use opstella_adapters::notifier::{KeyError, Notifier, NotifierOptions, SigningKey};
use opstella_commands::Commands;
use sqlx::PgPool;

use crate::config::{Config, NotificationsConfig};
use crate::wiring::StartError;

/// The key that all secrets are derived from: the configured one, else that of the database.
///
/// # Errors
/// [`KeyError`].
pub(crate) async fn signing_key(config: &NotificationsConfig, pool: &PgPool) -> Result<SigningKey, KeyError> {
    match &config.signing_key {
        Some(key) => SigningKey::configured(key),
        None => SigningKey::kept(pool).await,
    }
}

/// The notifier, where this process is to deliver.
///
/// # Errors
/// [`StartError::Notifier`].
pub(crate) fn notifier(
    config: &Config,
    commands: Commands,
    key: SigningKey,
) -> Result<Option<Notifier>, StartError> {
    if !config.notifications.enabled {
        return Ok(None);
    }
    let source = config.server.public_url.as_str().trim_end_matches('/');
    let options = options(&config.notifications);
    Ok(Some(Notifier::new(commands, key, source, options)?))
}

fn options(config: &NotificationsConfig) -> NotifierOptions {
    NotifierOptions {
        allow_private: config.allow_private,
        allow_http: config.allow_http,
        timeout: Duration::from_secs(config.timeout_seconds),
        max_attempts: config.max_attempts,
        max_age: Duration::from_secs(config.max_age_hours * 3600),
        backlog: config.backlog,
        concurrency: config.concurrency,
        keep: Duration::from_secs(config.keep_days * 86_400),
        ..NotifierOptions::default()
    }
}
