//! An event as receivers get it: CloudEvents 1.0, JSON, in structured mode.

use chrono::{DateTime, Utc};
use opstella_domain::subscription::TYPE_PREFIX;
use opstella_journal::RecordedEvent;
use serde::Serialize;
use serde_json::value::RawValue;

/// The media type of the body.
pub(super) const MEDIA_TYPE: &str = "application/cloudevents+json; charset=utf-8";
/// Largest payload that is sent along, in bytes: whoever passes events on has to take 64 KiB and no more.
const LARGEST: usize = 48 << 10;

#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: String,
    source: &'a str,
    #[serde(rename = "type")]
    event_type: String,
    subject: &'a str,
    time: DateTime<Utc>,
    datacontenttype: &'static str,
    data: Data<'a>,
}

/// What of the event the API shows to those who read the project, without addresses, clients and roles.
#[derive(Serialize)]
struct Data<'a> {
    aggregate_type: &'a str,
    aggregate_id: &'a str,
    sequence: u64,
    event_type: &'a str,
    actor: Actor,
    command: String,
    correlation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a RawValue>,
    /// Whether the payload is too large to be sent along.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    payload_omitted: bool,
}

#[derive(Serialize)]
struct Actor {
    subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// The type of an event.
pub(super) fn type_of(event: &RecordedEvent) -> String {
    format!("{TYPE_PREFIX}{}.{}", event.aggregate_type, event.event_type)
}

/// The body that tells of an event; always the same for the same one.
///
/// # Errors
/// Where the stored event is no JSON.
pub(super) fn body(event: &RecordedEvent, source: &str) -> Result<Vec<u8>, serde_json::Error> {
    let metadata = event.metadata().unwrap_or_default();
    let omitted = event.payload.len() > LARGEST;
    let payload: Option<&RawValue> = if omitted {
        None
    } else {
        Some(serde_json::from_str(&event.payload)?)
    };
    serde_json::to_vec(&CloudEvent {
        specversion: "1.0",
        id: event.position.to_string(),
        source,
        event_type: type_of(event),
        subject: &event.aggregate_id,
        time: event.recorded_at,
        datacontenttype: "application/json",
        data: Data {
            aggregate_type: &event.aggregate_type,
            aggregate_id: &event.aggregate_id,
            sequence: event.sequence,
            event_type: &event.event_type,
            actor: Actor {
                subject: metadata.actor.subject,
                name: metadata.actor.name,
            },
            command: metadata.command,
            correlation: metadata.correlation,
            reason: metadata.reason,
            payload,
            payload_omitted: omitted,
        },
    })
}

#[cfg(test)]
mod tests {
    use opstella_journal::Position;
    use serde_json::{Value, json};

    use super::*;

    fn event(payload: &str) -> RecordedEvent {
        RecordedEvent {
            aggregate_type: "Project".into(),
            aggregate_id: "payments".into(),
            sequence: 2,
            event_type: "RoleGranted".into(),
            event_version: "1.0".into(),
            payload: payload.into(),
            metadata_json: json!({
                "actor_subject": "alice", "actor_name": "Alice", "actor_roles": "payments:owner",
                "actor_client": "portal", "actor_address": "10.1.2.3", "command": "GrantRole", "correlation": "c-1",
                "reason": "new here", "unit": "u",
            })
            .to_string(),
            position: Position {
                transaction_id: 12,
                position: 34,
            },
            recorded_at: "2026-11-25T10:00:00.5Z".parse().unwrap(),
        }
    }

    fn told(event: &RecordedEvent) -> Value {
        let body = body(event, "https://opstella.example").unwrap();
        assert!(body.len() <= 64 << 10);
        serde_json::from_slice(&body).unwrap()
    }

    #[test]
    fn it_is_told_what_happened_and_no_more_about_people_than_their_name() {
        let payload = r#"{"RoleGranted":{"member":"bob","role":"tester"}}"#;
        assert_eq!(
            told(&event(payload)),
            json!({
                "specversion": "1.0",
                "id": "12-34",
                "source": "https://opstella.example",
                "type": "opstella.Project.RoleGranted",
                "subject": "payments",
                "time": "2026-11-25T10:00:00.500Z",
                "datacontenttype": "application/json",
                "data": {
                    "aggregate_type": "Project", "aggregate_id": "payments", "sequence": 2, "event_type": "RoleGranted",
                    "actor": {"subject": "alice", "name": "Alice"}, "command": "GrantRole", "correlation": "c-1",
                    "reason": "new here", "payload": {"RoleGranted": {"member": "bob", "role": "tester"}},
                },
            })
        );
    }

    #[test]
    fn a_large_payload_stays_here() {
        let large = json!({"RoleGranted": {"member": "x".repeat(LARGEST)}}).to_string();
        let told = told(&event(&large));
        assert_eq!(told["data"]["payload_omitted"], true);
        assert!(told["data"].get("payload").is_none());
    }

    #[test]
    fn the_body_is_always_the_same() {
        let event = event("{}");
        assert_eq!(body(&event, "x").unwrap(), body(&event, "x").unwrap());
    }
}
