//! Places: keys of services and environments as the tables hold them.

use std::str::FromStr;

use opstella_domain::{Environment, ServiceKey};
use opstella_journal::RecordedEvent;

use crate::ApplyError;
use crate::decode::integer;

/// The key that an event's stream is named by.
pub(crate) fn key<K>(event: &RecordedEvent) -> Result<K, ApplyError>
where
    K: FromStr,
    K::Err: std::fmt::Display,
{
    event
        .aggregate_id
        .parse()
        .map_err(|error| refused(event, format!("{error}")))
}

/// An event that makes no sense after those before it.
pub(crate) fn refused(event: &RecordedEvent, reason: String) -> ApplyError {
    ApplyError::Refused {
        position: event.position,
        reason,
    }
}

/// Project and service, each as text.
pub(crate) fn halves(service: &ServiceKey) -> (String, String) {
    (service.project.to_string(), service.service.to_string())
}

/// The place of an environment in the order of promotion.
pub(crate) fn order(environment: Environment) -> i32 {
    integer(
        Environment::all()
            .take_while(|other| *other != environment)
            .count(),
    )
}
