//! The section `notifications`.

use secrecy::SecretString;
use serde::Deserialize;

/// `notifications`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotificationsConfig {
    /// Whether this process delivers.
    pub enabled: bool,
    /// What the secrets of all subscriptions are derived from; the one kept in the database where absent.
    pub signing_key: Option<SecretString>,
    /// Whether receivers may be without TLS.
    pub allow_http: bool,
    /// Whether receivers may be at loopback, private and link-local addresses.
    pub allow_private: bool,
    /// Longest time of one attempt, in seconds.
    pub timeout_seconds: u64,
    /// Attempts after which a delivery is given up.
    pub max_attempts: u32,
    /// Age from which on a failed attempt is the last, in hours.
    pub max_age_hours: u64,
    /// Deliveries of one subscription that wait in the table.
    pub backlog: u32,
    /// Receivers that are sent to at once.
    pub concurrency: usize,
    /// How long what was delivered or given up stays on record, in days.
    pub keep_days: u64,
}
