use std::fmt;
use std::sync::Arc;

use cqrs_es::Aggregate;

/// An aggregate as it stood when it was loaded, and the version that an append decided on it will insist on.
pub struct Loaded<A> {
    /// Its id.
    pub id: String,
    /// Its state; shared with the cache.
    pub state: Arc<A>,
    /// How many events it has; 0: it does not exist yet.
    pub version: u64,
    /// Whether the table was not asked, so that there may be more events than this state knows of. Before a command is
    /// refused because of such a state, load it with [`Journal::load_fresh`](crate::Journal::load_fresh) and decide
    /// again. (An acceptance needs no such care: the append finds out.)
    pub warm: bool,
    /// About how many bytes the state takes, for the cache's bound.
    pub(crate) weight: u64,
}

impl<A: Aggregate> Loaded<A> {
    /// An aggregate taken not to exist, without looking: the append fails with a conflict if it does.
    pub fn absent(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            state: Arc::new(A::default()),
            version: 0,
            warm: false,
            weight: 0,
        }
    }
}

impl<A> Clone for Loaded<A> {
    fn clone(&self) -> Self {
        Self {
            id: self.id.clone(),
            state: Arc::clone(&self.state),
            version: self.version,
            warm: self.warm,
            weight: self.weight,
        }
    }
}

impl<A: fmt::Debug> fmt::Debug for Loaded<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("id", &self.id)
            .field("version", &self.version)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
