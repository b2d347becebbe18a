//! One at a time on each run.
//!
//! Steps of a run end side by side, and each end is a command on the one stream of the run. Within a process they take
//! turns: cheaper than deciding anew after a conflict.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use opstella_domain::RunId;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

/// From how many locks on those that nobody holds are dropped.
const TIDY_AT: usize = 1024;

/// The locks of runs.
#[derive(Default)]
pub(super) struct RunLocks(Mutex<HashMap<RunId, Arc<Turn<()>>>>);

impl RunLocks {
    /// Waits for the run's turn.
    pub async fn lock(&self, run: RunId) -> OwnedMutexGuard<()> {
        let turn = {
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if locks.len() >= TIDY_AT {
                locks.retain(|_, turn| Arc::strong_count(turn) > 1);
            }
            Arc::clone(locks.entry(run).or_default())
        };
        turn.lock_owned().await
    }
}
