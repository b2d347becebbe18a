use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, DomainEvent};
use serde::{Deserialize, Serialize};

/// The size of an event's payload as JSON, in bytes.
const PAYLOAD: usize = 500;

/// The smallest aggregate there is: what is measured is the store.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sheet {
    text: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum SheetEvent {
    Written { text: String },
}

pub struct Write;

#[derive(Debug, thiserror::Error)]
#[error("refused")]
pub struct Refused;

/// An event of the size agreed on.
pub fn written() -> SheetEvent {
    let frame = r#"{"Written":{"text":""}}"#.len();
    SheetEvent::Written {
        text: "x".repeat(PAYLOAD - frame),
    }
}

impl DomainEvent for SheetEvent {
    fn event_type(&self) -> String {
        "Written".to_owned()
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}

impl Aggregate for Sheet {
    const TYPE: &'static str = "sheet";
    type Command = Write;
    type Event = SheetEvent;
    type Error = Refused;
    type Services = ();

    async fn handle(&mut self, _: Write, _: &(), sink: &EventSink<Self>) -> Result<(), Refused> {
        sink.write(written(), self).await;
        Ok(())
    }

    fn apply(&mut self, event: SheetEvent) {
        let SheetEvent::Written { text } = event;
        self.text = text;
    }
}
