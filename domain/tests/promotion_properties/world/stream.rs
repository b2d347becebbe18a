//! An aggregate with all its events.

use std::fmt::Debug;

use opstella_domain::{Decide, DomainError};

use super::told::{Tally, Told};

pub struct Stream<A: Decide> {
    pub state: A,
    pub events: Vec<A::Event>,
}

impl<A: Decide> Default for Stream<A> {
    fn default() -> Self {
        Self {
            state: A::default(),
            events: vec![],
        }
    }
}

impl<A: Decide> Stream<A>
where
    A::Command: Told,
{
    pub fn happen(&mut self, event: A::Event) {
        self.state.evolve(event.clone());
        self.events.push(event);
    }

    /// What a command would make happen. It is told of.
    pub fn decide(&self, tally: &mut Tally, command: A::Command) -> Result<Vec<A::Event>, DomainError> {
        let (variant, operation) = (command.variant(), command.operation());
        let events = self.state.decide(command)?;
        tally.taken.insert(variant);
        tally.operations.insert(operation);
        Ok(events)
    }

    pub fn take(&mut self, tally: &mut Tally, command: A::Command) -> Result<Vec<A::Event>, DomainError> {
        let events = self.decide(tally, command)?;
        events.iter().for_each(|event| self.happen(event.clone()));
        Ok(events)
    }

    /// From the events as they are kept, and from a snapshot: always the same state.
    pub fn check_replay(&self)
    where
        A::Event: Debug + PartialEq,
    {
        let mut replayed = A::default();
        for event in &self.events {
            let text = serde_json::to_string(event).unwrap();
            let read: A::Event = serde_json::from_str(&text).unwrap();
            assert_eq!(&read, event);
            replayed.evolve(read);
        }
        let text = |a: &A| serde_json::to_string(a).unwrap();
        let state = text(&self.state);
        assert_eq!(text(&replayed), state);
        let snapshot: A = serde_json::from_str(&state).unwrap();
        assert_eq!(text(&snapshot), state);
    }
}
