//! The rate limit of each subject.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use moka::sync::Cache;

use crate::config::LimitsConfig;
use crate::problem::{Problem, ProblemKind};

/// Subjects remembered before those that are at rest are forgotten.
const MANY: usize = 10_000;
/// Longest time for which it is remembered that a stranger has to wait.
const LONGEST: Duration = Duration::from_secs(60);

/// Counts the requests of each subject.
pub struct RateLimits {
    limiter: DefaultKeyedRateLimiter<String>,
    /// Until when strangers have to wait, by their bucket.
    waiting: Cache<String, Instant>,
}

impl RateLimits {
    /// The configured limits.
    pub fn new(limits: &LimitsConfig) -> Self {
        let at_least_one = |n: u32| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(at_least_one(limits.requests_per_second))
            .allow_burst(at_least_one(limits.burst));
        Self {
            limiter: RateLimiter::keyed(quota),
            waiting: Cache::builder()
                .max_capacity(MANY as u64)
                .time_to_live(LONGEST)
                .build(),
        }
    }

    /// Counts one request.
    ///
    /// # Errors
    /// [`ProblemKind::RateLimited`], with `Retry-After`.
    pub fn check(&self, subject: &str) -> Result<(), Problem> {
        self.count(subject).map_err(limited)
    }

    /// Counts a request of somebody who turned out to be nobody.
    ///
    /// # Errors
    /// As [`check`](Self::check); then, [`may_ask`](Self::may_ask) refuses for as long.
    pub fn stranger(&self, bucket: &str) -> Result<(), Problem> {
        self.count(bucket).map_err(|wait| {
            self.waiting.insert(bucket.to_owned(), Instant::now() + wait);
            limited(wait)
        })
    }

    /// Whether it is worth looking who asks. Nothing is counted: it may be somebody.
    ///
    /// # Errors
    /// As [`check`](Self::check), where too many strangers came from there a moment ago.
    pub fn may_ask(&self, bucket: &str) -> Result<(), Problem> {
        let until = self.waiting.get(bucket);
        match until.and_then(|until| until.checked_duration_since(Instant::now())) {
            Some(wait) if !wait.is_zero() => Err(limited(wait)),
            _ => Ok(()),
        }
    }

    /// Counts one request, or says how long it has to wait.
    fn count(&self, subject: &str) -> Result<(), Duration> {
        if self.limiter.len() > MANY {
            self.limiter.retain_recent();
        }
        let counted = self.limiter.check_key(&subject.to_owned());
        counted.map_err(|until| until.wait_time_from(DefaultClock::default().now()))
    }
}

fn limited(wait: Duration) -> Problem {
    metrics::counter!("opstella_rate_limited_total").increment(1);
    let seconds = whole_seconds(wait);
    Problem::new(
        ProblemKind::RateLimited,
        format!("this subject sends too many requests; the next is taken in {seconds} s"),
    )
    .hint("send fewer requests; follow runs by their event stream rather than asking again and again")
    .header("Retry-After", seconds.to_string())
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
