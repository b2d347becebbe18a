//! What can be set about the engine.

use std::collections::BTreeMap;
use std::time::Duration;

use opstella_domain::Tool;

use super::ToolLimits;

/// What can be set about the engine.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Limits of tools; the default where none are given.
    pub limits: BTreeMap<Tool, ToolLimits>,
    /// Longest time that one try of a step may take.
    pub step_timeout: Duration,
    /// Pause after the first transient failure; it doubles with each further one.
    pub backoff_first: Duration,
    /// Longest pause between two tries, unless the tool asks for a longer one.
    pub backoff_longest: Duration,
    /// Longest pause that a tool's Retry-After is granted.
    pub retry_after_longest: Duration,
    /// Steps of one tool that wait in memory; beyond that they wait in the journal.
    pub queue_capacity: usize,
    /// How often the lease is checked, or asked for.
    pub lease_interval: Duration,
    /// How long a stopping engine waits for steps under way.
    pub drain: Duration,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            limits: BTreeMap::new(),
            step_timeout: Duration::from_secs(120),
            backoff_first: Duration::from_millis(500),
            backoff_longest: Duration::from_secs(180),
            retry_after_longest: Duration::from_secs(86_400),
            queue_capacity: 100_000,
            lease_interval: Duration::from_secs(2),
            drain: Duration::from_secs(20),
        }
    }
}
