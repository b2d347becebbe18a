use std::collections::HashMap;
use std::sync::Arc;

use cqrs_es::persist::{EventUpcaster, SerializedEvent};

use crate::JournalError;

/// Brings old events of one type of aggregate to today's form when they are read. What is stored never changes.
pub trait Upcaster: Send + Sync {
    /// The type of aggregate whose events it knows.
    fn aggregate_type(&self) -> &str;
    /// Whether an event of this type and version needs it.
    fn can_upcast(&self, event_type: &str, event_version: &str) -> bool;
    /// The event in its newer form.
    fn upcast(&self, event: SerializedEvent) -> SerializedEvent;
}

/// An upcaster of cqrs-es, such as its `SemanticVersionEventUpcaster`, for one type of aggregate.
pub struct UpcasterFor<U> {
    aggregate_type: String,
    upcaster: U,
}

impl<U: EventUpcaster> UpcasterFor<U> {
    /// Applies `upcaster` to the events of `aggregate_type` only.
    pub fn new(aggregate_type: impl Into<String>, upcaster: U) -> Self {
        Self {
            aggregate_type: aggregate_type.into(),
            upcaster,
        }
    }
}

impl<U: EventUpcaster> Upcaster for UpcasterFor<U> {
    fn aggregate_type(&self) -> &str {
        &self.aggregate_type
    }

    fn can_upcast(&self, event_type: &str, event_version: &str) -> bool {
        self.upcaster.can_upcast(event_type, event_version)
    }

    fn upcast(&self, event: SerializedEvent) -> SerializedEvent {
        self.upcaster.upcast(event)
    }
}

/// All upcasters, by the type of aggregate; an event goes through them in the order given.
#[derive(Clone, Default)]
pub(crate) struct Upcasters {
    by_type: Arc<HashMap<String, Vec<Arc<dyn Upcaster>>>>,
}

/// What an upcaster may change about an event.
pub(crate) struct Form<'a> {
    pub aggregate_type: &'a str,
    pub aggregate_id: &'a str,
    pub sequence: u64,
    pub event_type: &'a mut String,
    pub event_version: &'a mut String,
    pub payload: &'a mut String,
}

impl Upcasters {
    pub fn new(upcasters: &[Arc<dyn Upcaster>]) -> Self {
        let mut by_type: HashMap<String, Vec<Arc<dyn Upcaster>>> = HashMap::new();
        for upcaster in upcasters {
            by_type
                .entry(upcaster.aggregate_type().to_owned())
                .or_default()
                .push(Arc::clone(upcaster));
        }
        Self {
            by_type: Arc::new(by_type),
        }
    }

    /// Changes the event where an upcaster applies. One that none applies to is not even parsed.
    pub fn apply(&self, form: Form<'_>) -> Result<(), JournalError> {
        let Some(upcasters) = self.by_type.get(form.aggregate_type) else {
            return Ok(());
        };
        let mut parsed: Option<SerializedEvent> = None;
        for upcaster in upcasters {
            let (event_type, event_version) = match &parsed {
                Some(event) => (event.event_type.as_str(), event.event_version.as_str()),
                None => (form.event_type.as_str(), form.event_version.as_str()),
            };
            if !upcaster.can_upcast(event_type, event_version) {
                continue;
            }
            let event = match parsed.take() {
                Some(event) => event,
                None => SerializedEvent::new(
                    form.aggregate_id.to_owned(),
                    form.sequence as usize,
                    form.aggregate_type.to_owned(),
                    form.event_type.clone(),
                    form.event_version.clone(),
                    serde_json::from_str(form.payload).map_err(|error| JournalError::Corrupt {
                        aggregate_type: form.aggregate_type.to_owned(),
                        aggregate_id: form.aggregate_id.to_owned(),
                        sequence: form.sequence,
                        reason: format!("its payload is not JSON: {error}"),
                    })?,
                    serde_json::Value::Null,
                ),
            };
            parsed = Some(upcaster.upcast(event));
        }
        if let Some(event) = parsed {
            *form.event_type = event.event_type;
            *form.event_version = event.event_version;
            *form.payload = event.payload.to_string();
        }
        Ok(())
    }
}
