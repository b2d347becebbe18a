//! When a failed try is made again.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt;

use super::EngineOptions;

/// The instant of the next try: exponential with jitter, and not before what the tool asked for.
pub(super) fn next_try(
    options: &EngineOptions,
    failures: u32,
    retry_after: Option<Duration>,
    now: DateTime<Utc>,
) -> DateTime<Utc> {
    let doubled = options.backoff_first.saturating_mul(1 << failures.min(20));
    let jitter = rand::rng().random_range(0.5..=1.0);
    let pause = doubled.min(options.backoff_longest).mul_f64(jitter);
    let pause = pause.max(retry_after.unwrap_or_default().min(options.retry_after_longest));
    now + TimeDelta::from_std(pause).unwrap_or(TimeDelta::MAX)
}

#[cfg(test)]
mod tests {
    use opstella_domain::run::MAX_ATTEMPTS;

    use super::*;

    /// A tool that is restarted or upgraded comes back before a run gives up.
    #[test]
    fn the_tries_of_a_step_take_about_a_quarter_of_an_hour() {
        let options = EngineOptions::default();
        let now = Utc::now();
        let all = (0..MAX_ATTEMPTS - 1).map(|failures| next_try(&options, failures, None, now) - now);
        let minutes = all.sum::<TimeDelta>().num_minutes();
        assert!((9..=20).contains(&minutes), "{minutes} minutes");
    }

    #[test]
    fn pauses_grow_up_to_the_longest_and_honour_the_tool() {
        let options = EngineOptions::default();
        let now = Utc::now();
        let pause = |failures, after| next_try(&options, failures, after, now) - now;
        assert!(
            pause(0, None) <= TimeDelta::milliseconds(500) && pause(0, None) >= TimeDelta::milliseconds(250)
        );
        assert!(pause(31, None) <= TimeDelta::seconds(180) && pause(31, None) >= TimeDelta::seconds(90));
        assert_eq!(pause(0, Some(Duration::from_secs(120))), TimeDelta::seconds(120));
        assert_eq!(pause(0, Some(Duration::from_secs(86_401))), TimeDelta::days(1));
    }
}
