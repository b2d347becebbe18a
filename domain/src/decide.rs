//! The synchronous heart of every aggregate, and its bridge to `cqrs_es`.

use cqrs_es::DomainEvent;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::DomainError;

/// An aggregate as two pure functions.
pub trait Decide: Default + Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Stream type, as stored in `events.aggregate_type`.
    const TYPE: &'static str;
    /// What can be asked of it.
    type Command: Send;
    /// What can happen to it.
    type Event: DomainEvent;

    /// Decides a command against the current state: the events that follow, or why none do.
    ///
    /// # Errors
    /// [`DomainError`] where the command does not fit the state.
    fn decide(&self, command: Self::Command) -> Result<Vec<Self::Event>, DomainError>;

    /// Folds one event into the state. Never fails: what is stored has happened.
    fn evolve(&mut self, event: Self::Event);
}

/// Implements `cqrs_es::Aggregate` by [`Decide`], and `cqrs_es::DomainEvent` for its event enum, whose variant
/// names are the stored event types. Each is stored with the version of its form: `1.0`, unless a function says
/// otherwise. A form that changes gets the next version, and the journal an upcaster from the one before.
macro_rules! aggregate {
    ($aggregate:ty, $event:ty) => {
        $crate::decide::aggregate!($aggregate, $event, |_| "1.0");
    };
    ($aggregate:ty, $event:ty, $version:expr) => {
        impl cqrs_es::Aggregate for $aggregate {
            const TYPE: &'static str = <$aggregate as $crate::Decide>::TYPE;
            type Command = <$aggregate as $crate::Decide>::Command;
            type Event = $event;
            type Error = $crate::DomainError;
            type Services = ();

            async fn handle(
                &mut self,
                command: Self::Command,
                _services: &Self::Services,
                sink: &cqrs_es::event_sink::EventSink<Self>,
            ) -> Result<(), Self::Error> {
                for event in $crate::Decide::decide(self, command)? {
                    sink.write(event, self).await;
                }
                Ok(())
            }

            fn apply(&mut self, event: Self::Event) {
                $crate::Decide::evolve(self, event);
            }
        }

        impl cqrs_es::DomainEvent for $event {
            fn event_type(&self) -> String {
                <&'static str>::from(self).to_owned()
            }

            fn event_version(&self) -> String {
                let version: fn(&$event) -> &'static str = $version;
                version(self).to_owned()
            }
        }
    };
}
pub(crate) use aggregate;

#[cfg(test)]
mod tests {
    use cqrs_es::DomainEvent;
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, strum::IntoStaticStr)]
    enum LampEvent {
        SwitchedOn { colour: String },
        SwitchedOff,
    }

    #[derive(Default, Clone, Serialize, Deserialize)]
    struct Lamp;

    impl Decide for Lamp {
        const TYPE: &'static str = "Lamp";
        type Command = ();
        type Event = LampEvent;

        fn decide(&self, _command: ()) -> Result<Vec<LampEvent>, DomainError> {
            Ok(vec![])
        }

        fn evolve(&mut self, _event: LampEvent) {}
    }

    aggregate!(Lamp, LampEvent, |event| match event {
        LampEvent::SwitchedOn { .. } => "1.1",
        LampEvent::SwitchedOff => "1.0",
    });

    #[test]
    fn each_event_has_its_own_version() {
        assert_eq!(<Lamp as cqrs_es::Aggregate>::TYPE, Lamp::TYPE);
        assert!(Lamp.decide(()).unwrap().is_empty());
        let on = LampEvent::SwitchedOn {
            colour: "red".to_owned(),
        };
        assert_eq!(
            (on.event_type(), on.event_version()),
            ("SwitchedOn".into(), "1.1".into())
        );
        assert_eq!(LampEvent::SwitchedOff.event_version(), "1.0");
    }
}
