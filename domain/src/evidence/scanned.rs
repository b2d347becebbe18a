//! When an environment was scanned: what ran there all of that time is what was scanned.

use chrono::{DateTime, TimeDelta, Utc};

use crate::DomainError;

/// How long a scan is taken to have lasted, where nobody says when it began, in minutes.
pub const SCAN_MINUTES: i64 = 10;

/// The time that a dynamic scan took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanTime {
    /// When it began, at the latest.
    pub from: DateTime<Utc>,
    /// When it was over, at the latest.
    pub to: DateTime<Utc>,
}

impl ScanTime {
    /// Of a scan whose report says when it was `made`, or whose sender says when the scan `began`, or both. A report
    /// that does not say so was made before it was sent, `now`.
    ///
    /// # Errors
    /// [`DomainError::Invalid`] where neither says anything, or the scan began after it was over.
    pub fn of(
        made: Option<DateTime<Utc>>,
        began: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<Self, DomainError> {
        let to = made.map_or(now, |made| made.min(now));
        let from = match (began, made) {
            (Some(began), _) if began > to => {
                let rule = format!("no later than the report was made, {}", to.format("%FT%TZ"));
                return Err(DomainError::invalid("scanned_at", rule));
            }
            (Some(began), _) => began,
            (None, Some(_)) => to - TimeDelta::minutes(SCAN_MINUTES),
            (None, None) => {
                let rule = "when the scan began, as 2026-11-25T10:30:00Z: the report does not say when it was made, and \
                            which release was scanned depends on that (newer ZAP writes `created`)";
                return Err(DomainError::invalid("scanned_at", rule));
            }
        };
        Ok(Self { from, to })
    }
}
