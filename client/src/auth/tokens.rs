//! What a token endpoint answers (RFC 6749, section 5.1).

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use serde::Deserialize;

/// Lifetime of a token whose issuer says nothing of it.
const UNKNOWN: i64 = 60;

/// What a token endpoint answers.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Tokens {
    /// For the API.
    pub access_token: SecretString,
    /// For the next access token.
    pub refresh_token: Option<SecretString>,
    expires_in: Option<i64>,
}

impl Tokens {
    /// When the access token ends, if it came just now.
    pub fn expires_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let seconds = self.expires_in.unwrap_or(UNKNOWN).clamp(0, 10 * 365 * 24 * 3600);
        now + TimeDelta::seconds(seconds)
    }
}
