//! An event as the API shows it.

use chrono::{DateTime, Utc};
use opstella_journal::RecordedEvent;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Who caused an event.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ActorView {
    /// The `sub` of the token, or the part of Opstella that acted by itself.
    #[schema(examples("system:engine"))]
    pub subject: String,
    /// The name that people know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The roles held at that moment.
    pub roles: Vec<String>,
    /// The client that acted for the subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The network address that the request came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// Something that happened; the data of a server-sent event.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EventView {
    /// Its place in the order of all events.
    #[schema(examples("1234-56"))]
    pub position: String,
    /// The type of the aggregate.
    #[schema(examples("Run"))]
    pub aggregate_type: String,
    /// Its id.
    pub aggregate_id: String,
    /// The event's number in its stream.
    pub sequence: u64,
    /// What happened.
    #[schema(examples("StepSucceeded"))]
    pub event_type: String,
    /// When.
    pub recorded_at: DateTime<Utc>,
    /// Who.
    pub actor: ActorView,
    /// The command that led to it.
    pub command: String,
    /// Shared by everything that one request led to.
    pub correlation: String,
    /// Why, in the words of who did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The event itself, by its schema in `schema/events/`.
    #[schema(value_type = Object)]
    pub payload: Value,
}

impl EventView {
    /// The view of an event; what cannot be read of it is left empty.
    pub fn of(event: &RecordedEvent) -> Self {
        let metadata = event.metadata().unwrap_or_default();
        Self {
            position: event.position.to_string(),
            aggregate_type: event.aggregate_type.clone(),
            aggregate_id: event.aggregate_id.clone(),
            sequence: event.sequence,
            event_type: event.event_type.clone(),
            recorded_at: event.recorded_at,
            actor: ActorView {
                subject: metadata.actor.subject,
                name: metadata.actor.name,
                roles: metadata.actor.roles,
                client: metadata.actor.client,
                address: metadata.actor.address,
            },
            command: metadata.command,
            correlation: metadata.correlation,
            reason: metadata.reason,
            payload: serde_json::from_str(&event.payload).unwrap_or_default(),
        }
    }
}
