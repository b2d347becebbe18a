//! Deciding anew on what the table says: the cache of a process knows nothing of what others appended.
//!
//! A command that is accepted on an old state conflicts when it is appended, and is decided again. One that is refused,
//! or that has nothing to do, would not be found out; it is decided anew with every aggregate read from the table.

use std::future::Future;

use cqrs_es::Aggregate;
use opstella_domain::Decide;
use opstella_journal::{JournalError, Loaded, StreamAppend};

use crate::{CommandError, Commands};

tokio::task_local! {
    static ANEW: ();
}

/// Runs a future in which [`Commands::load`] reads from the table.
pub(crate) fn anew<F: Future>(future: F) -> impl Future<Output = F::Output> {
    ANEW.scope((), future)
}

/// Whether this task decides anew.
pub(crate) fn is_anew() -> bool {
    ANEW.try_with(|()| ()).is_ok()
}

/// Whether another state could lead to another answer.
pub(crate) fn depends_on_state(error: &CommandError) -> bool {
    matches!(
        error,
        CommandError::Domain(_)
            | CommandError::Reference { .. }
            | CommandError::Plan(_)
            | CommandError::VersionMismatch { .. }
    )
}

impl Commands {
    /// The aggregate, from the cache unless this task decides anew.
    pub(crate) async fn load<A: Aggregate + Clone + 'static>(
        &self,
        id: &str,
    ) -> Result<Loaded<A>, JournalError> {
        if is_anew() {
            self.journal.load_fresh::<A>(id).await
        } else {
            self.journal.load::<A>(id).await
        }
    }

    /// An aggregate that a command is about to make: taken not to exist unless this process knows better, or this task
    /// decides anew.
    pub(crate) async fn load_new<A: Aggregate + Clone + 'static>(
        &self,
        id: &str,
    ) -> Result<Loaded<A>, JournalError> {
        if is_anew() {
            self.journal.load_fresh::<A>(id).await
        } else {
            Ok(self.journal.load_new::<A>(id))
        }
    }

    /// What follows for another aggregate from what happened to the one that the command is for. Where nothing
    /// follows on a state from the cache, that is decided once more on the table's: the append of the rest would go
    /// through, and nobody would find out.
    pub(crate) async fn follow_up<A>(
        &self,
        id: &str,
        command: impl Fn() -> <A as Decide>::Command,
    ) -> Result<Option<StreamAppend>, CommandError>
    where
        A: Decide + Aggregate<Command = <A as Decide>::Command, Event = <A as Decide>::Event>,
    {
        let mut loaded = self.load::<A>(id).await?;
        let mut events = loaded.state.decide(command())?;
        if events.is_empty() && loaded.warm {
            loaded = self.journal.load_fresh::<A>(id).await?;
            events = loaded.state.decide(command())?;
        }
        if events.is_empty() {
            return Ok(None);
        }
        Ok(Some(StreamAppend::of(&loaded, events)?))
    }
}
