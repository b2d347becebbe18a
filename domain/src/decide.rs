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
/// names are the stored event types.
macro_rules! aggregate {
    ($aggregate:ty, $event:ty) => {
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
                "1.0".to_owned()
            }
        }
    };
}
pub(crate) use aggregate;
