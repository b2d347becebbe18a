//! How projections work.

use std::time::Duration;

/// How projections work; the defaults fit a process that serves a few hundred people.
#[derive(Debug, Clone)]
pub struct ProjectionOptions {
    /// Events applied in one transaction.
    pub batch: usize,
    /// Most events applied in one transaction while rebuilding and replaying. Every follower of the journal waits
    /// for the end of such a transaction.
    pub rebuild_batch: usize,
    /// How long such a transaction is to take at most: fewer events go into the next one where it took longer.
    pub rebuild_hold: Duration,
    /// How often a projection that stands by or has stopped looks whether it may go on.
    pub poll_interval: Duration,
    /// How soon [`wait_for`](crate::Projections::wait_for) looks at the checkpoint of another process; then less and
    /// less often.
    pub wait_interval: Duration,
    /// How often the gauges of lag are set.
    pub gauge_interval: Duration,
    /// First pause after an error of the database; doubled up to `longest_backoff`.
    pub first_backoff: Duration,
    /// Longest pause after an error of the database.
    pub longest_backoff: Duration,
    /// How long the database may take over one batch before the connection counts as dead.
    pub patience: Duration,
    /// How long a swap tries to get the views for itself.
    pub swap_timeout: Duration,
    /// How long a replay may take.
    pub replay_timeout: Duration,
}

impl Default for ProjectionOptions {
    fn default() -> Self {
        Self {
            batch: 500,
            rebuild_batch: 200,
            rebuild_hold: Duration::from_millis(50),
            poll_interval: Duration::from_millis(500),
            wait_interval: Duration::from_millis(20),
            gauge_interval: Duration::from_secs(5),
            first_backoff: Duration::from_millis(50),
            longest_backoff: Duration::from_secs(5),
            patience: Duration::from_secs(60),
            swap_timeout: Duration::from_secs(60),
            replay_timeout: Duration::from_secs(60),
        }
    }
}
