//! The rate limit of each subject.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::config::LimitsConfig;
use crate::problem::{Problem, ProblemKind};

/// Subjects remembered before those that are at rest are forgotten.
const MANY: usize = 10_000;

/// Counts the requests of each subject.
pub struct RateLimits {
    limiter: DefaultKeyedRateLimiter<String>,
}

impl RateLimits {
    /// The configured limits.
    pub fn new(limits: &LimitsConfig) -> Self {
        let at_least_one = |n: u32| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(at_least_one(limits.requests_per_second))
            .allow_burst(at_least_one(limits.burst));
        Self {
            limiter: RateLimiter::keyed(quota),
        }
    }

    /// Counts one request.
    ///
    /// # Errors
    /// [`ProblemKind::RateLimited`], with `Retry-After`.
    pub fn check(&self, subject: &str) -> Result<(), Problem> {
        if self.limiter.len() > MANY {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&subject.to_owned()).map_err(|until| {
            metrics::counter!("opstella_rate_limited_total").increment(1);
            let wait = until.wait_time_from(DefaultClock::default().now());
            let seconds = whole_seconds(wait);
            Problem::new(
                ProblemKind::RateLimited,
                format!("this subject sends too many requests; the next is taken in {seconds} s"),
            )
            .hint("send fewer requests; follow runs by their event stream rather than asking again and again")
            .header("Retry-After", seconds.to_string())
        })
    }
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
