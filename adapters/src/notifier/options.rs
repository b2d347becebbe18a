//! What can be set about the notifier.

use std::time::Duration;

use rand::RngExt;

/// What can be set about the notifier.
#[derive(Debug, Clone)]
pub struct NotifierOptions {
    /// Whether receivers may be at loopback, private and link-local addresses.
    pub allow_private: bool,
    /// Whether receivers may be without TLS.
    pub allow_http: bool,
    /// Longest time of one attempt.
    pub timeout: Duration,
    /// Attempts after which a delivery is given up.
    pub max_attempts: u32,
    /// Attempts after which it is given up where the receiver is there and says no.
    pub max_rejections: u32,
    /// Age from which on a failed attempt is the last.
    pub max_age: Duration,
    /// Pause after the first failure; it doubles with each further one.
    pub backoff_first: Duration,
    /// Longest pause, unless the receiver asks for a longer one.
    pub backoff_longest: Duration,
    /// Longest pause that a receiver's Retry-After is granted.
    pub retry_after_longest: Duration,
    /// Deliveries of one subscription that wait in the table; beyond that they wait in the journal.
    pub backlog: u32,
    /// Receivers that are sent to at once.
    pub concurrency: usize,
    /// How often the table is looked at for what is due.
    pub poll_interval: Duration,
    /// How often the lease is checked, or asked for.
    pub lease_interval: Duration,
    /// How often gauges are set and old rows removed.
    pub sweep_interval: Duration,
    /// How long a stopping notifier waits for what it is sending.
    pub drain: Duration,
    /// How long what was delivered or given up stays on record.
    pub keep: Duration,
}

impl Default for NotifierOptions {
    fn default() -> Self {
        Self {
            allow_private: false,
            allow_http: false,
            timeout: Duration::from_secs(15),
            max_attempts: 20,
            max_rejections: 5,
            max_age: Duration::from_secs(24 * 3600),
            backoff_first: Duration::from_secs(5),
            backoff_longest: Duration::from_secs(3600),
            retry_after_longest: Duration::from_secs(6 * 3600),
            backlog: 1000,
            concurrency: 256,
            poll_interval: Duration::from_millis(500),
            lease_interval: Duration::from_secs(2),
            sweep_interval: Duration::from_secs(15),
            drain: Duration::from_secs(10),
            keep: Duration::from_secs(30 * 24 * 3600),
        }
    }
}

impl NotifierOptions {
    /// The pause after so many failures before this one: exponential with jitter, and not shorter than the receiver asks.
    pub(super) fn pause(&self, failures: u32, retry_after: Option<Duration>) -> Duration {
        let doubled = self.backoff_first.saturating_mul(1 << failures.min(20));
        let jitter = rand::rng().random_range(0.5..=1.0);
        let pause = doubled.min(self.backoff_longest).mul_f64(jitter);
        pause.max(retry_after.unwrap_or_default().min(self.retry_after_longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_the_longest_and_honour_the_receiver() {
        let options = NotifierOptions::default();
        let within = |pause: Duration, least, most| {
            assert!(
                (Duration::from_millis(least)..=Duration::from_millis(most)).contains(&pause),
                "{pause:?}"
            );
        };
        within(options.pause(0, None), 2_500, 5_000);
        within(options.pause(3, None), 20_000, 40_000);
        within(options.pause(50, None), 1_800_000, 3_600_000);
        assert_eq!(
            options.pause(0, Some(Duration::from_secs(120))),
            Duration::from_secs(120)
        );
        let week = Duration::from_secs(7 * 86_400);
        assert_eq!(options.pause(0, Some(week)), options.retry_after_longest);
    }
}
