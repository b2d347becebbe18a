//! One at a time on each of many things: runs, services.
//!
//! Steps of a run end side by side, say, and each end is a command on the one stream of the run. Within a process they take
//! turns: cheaper than deciding anew after a conflict.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

/// From how many locks on those that nobody holds are dropped.
const TIDY_AT: usize = 1024;

/// The locks, by what they are of.
pub(crate) struct Turns<K>(Mutex<HashMap<K, Arc<Turn<()>>>>);

impl<K> Default for Turns<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> Turns<K> {
    /// Waits for the turn on this one.
    pub async fn lock(&self, of: K) -> OwnedMutexGuard<()> {
        let turn = {
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if locks.len() >= TIDY_AT {
                locks.retain(|_, turn| Arc::strong_count(turn) > 1);
            }
            Arc::clone(locks.entry(of).or_default())
        };
        turn.lock_owned().await
    }
}
