//! The form of one event on a stream.

use serde::Serialize;
use utoipa::ToSchema;

/// One server-sent event (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ServerSentEvent {
    /// Its position: send the last one as `Last-Event-ID` to go on after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The type of the event: `StepSucceeded`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The event as JSON, in the form of `GET /api/v1/events/{position}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
}
