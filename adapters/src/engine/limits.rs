//! What one connection may be asked at a time: concurrency, rate, and a circuit breaker.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use opstella_domain::tool_connection::ConnectionKey;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::EngineOptions;

/// Limits of one tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToolLimits {
    /// Steps under way at once.
    pub concurrency: usize,
    /// Steps started in a second.
    pub per_second: NonZeroU32,
    /// Transient failures in a row that open the circuit.
    pub circuit_failures: u32,
    /// How long an open circuit waits before it lets one step try.
    pub circuit_pause: Duration,
}

impl Default for ToolLimits {
    fn default() -> Self {
        Self {
            concurrency: 32,
            per_second: NonZeroU32::new(200).unwrap_or(NonZeroU32::MIN),
            circuit_failures: 8,
            circuit_pause: Duration::from_secs(5),
        }
    }
}

/// Where a circuit breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Circuit {
    /// Steps go through.
    #[default]
    Closed,
    /// The tool failed too often in a row; nothing goes through for now.
    Open,
    /// One step tries.
    HalfOpen,
}

#[derive(Default)]
struct Breaker {
    failures: u32,
    open_until: Option<Instant>,
    probing: bool,
}

/// The limiter of one connection.
pub(super) struct Limiter {
    limits: ToolLimits,
    slots: Arc<Semaphore>,
    rate: DefaultDirectRateLimiter,
    breaker: Mutex<Breaker>,
}

impl Limiter {
    fn new(limits: ToolLimits) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(
                limits.concurrency.clamp(1, Semaphore::MAX_PERMITS),
            )),
            rate: RateLimiter::direct(Quota::per_second(limits.per_second)),
            breaker: Mutex::default(),
            limits,
        }
    }

    /// Waits until one more step may start. `None` when the engine stops.
    pub async fn admit(&self) -> Option<OwnedSemaphorePermit> {
        let permit = Arc::clone(&self.slots).acquire_owned().await.ok()?;
        while let Some(pause) = self.blocked() {
            tokio::time::sleep(pause).await;
        }
        self.rate.until_ready().await;
        Some(permit)
    }

    /// How long the open circuit still blocks; marks the caller as the probe once it no longer does.
    fn blocked(&self) -> Option<Duration> {
        let mut breaker = self.breaker();
        let until = breaker.open_until?;
        let now = Instant::now();
        if until > now {
            return Some(until - now);
        }
        if breaker.probing {
            return Some(Duration::from_millis(20));
        }
        breaker.probing = true;
        None
    }

    /// Counts how a step ended: `Some(true)` the tool answered, `Some(false)` it failed transiently, `None` nothing
    /// was learned about it.
    pub fn record(&self, answered: Option<bool>) {
        let mut breaker = self.breaker();
        breaker.probing = false;
        match answered {
            Some(true) => *breaker = Breaker::default(),
            Some(false) => {
                breaker.failures += 1;
                if breaker.failures >= self.limits.circuit_failures {
                    breaker.open_until = Some(Instant::now() + self.limits.circuit_pause);
                }
            }
            None => {}
        }
    }

    fn state(&self) -> Circuit {
        let breaker = self.breaker();
        match breaker.open_until {
            None => Circuit::Closed,
            Some(until) if until > Instant::now() => Circuit::Open,
            Some(_) => Circuit::HalfOpen,
        }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The limiters of all connections.
#[derive(Clone)]
pub(super) struct Limits {
    configured: Arc<std::collections::BTreeMap<opstella_domain::Tool, ToolLimits>>,
    limiters: Arc<Mutex<HashMap<ConnectionKey, Arc<Limiter>>>>,
}

impl Limits {
    pub fn new(options: &EngineOptions) -> Self {
        Self {
            configured: Arc::new(options.limits.clone()),
            limiters: Arc::default(),
        }
    }

    pub fn of(&self, connection: &ConnectionKey) -> Arc<Limiter> {
        let mut limiters = self.limiters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(limiter) = limiters.get(connection) {
            return Arc::clone(limiter);
        }
        let limits = self.configured.get(&connection.tool).copied().unwrap_or_default();
        let limiter = Arc::new(Limiter::new(limits));
        limiters.insert(connection.clone(), Arc::clone(&limiter));
        limiter
    }

    pub fn circuit(&self, connection: &ConnectionKey) -> Circuit {
        let limiters = self.limiters.lock().unwrap_or_else(PoisonError::into_inner);
        limiters.get(connection).map(|l| l.state()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_circuit_opens_lets_one_try_and_closes() {
        let limiter = Limiter::new(ToolLimits {
            circuit_failures: 2,
            circuit_pause: Duration::from_millis(50),
            ..ToolLimits::default()
        });
        for _ in 0..2 {
            drop(limiter.admit().await);
            limiter.record(Some(false));
        }
        assert_eq!(limiter.state(), Circuit::Open);
        let before = Instant::now();
        let probe = limiter.admit().await;
        assert!(before.elapsed() >= Duration::from_millis(50));
        assert!(limiter.blocked().is_some(), "only one step tries");
        limiter.record(Some(true));
        drop(probe);
        assert_eq!(limiter.state(), Circuit::Closed);
        assert!(limiter.blocked().is_none());
    }
}
