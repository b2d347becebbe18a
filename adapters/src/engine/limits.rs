//! What one connection may be asked at a time: concurrency, rate, and a circuit breaker.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use opstella_domain::tool_connection::ConnectionKey;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
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
    /// Longest time that a tool's Retry-After keeps all steps waiting.
    pub hold_longest: Duration,
}

impl Default for ToolLimits {
    fn default() -> Self {
        Self {
            concurrency: 32,
            per_second: NonZeroU32::new(200).unwrap_or(NonZeroU32::MIN),
            circuit_failures: 8,
            circuit_pause: Duration::from_secs(5),
            hold_longest: Duration::from_secs(86_400),
        }
    }
}

/// Where a circuit breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Circuit {
    /// Steps go through.
    #[default]
    Closed,
    /// The tool failed too often in a row, or asked to be left alone; nothing goes through for now.
    Open,
    /// One step tries.
    HalfOpen,
}

#[derive(Default)]
struct Breaker {
    failures: u32,
    open_until: Option<Instant>,
    /// Until when the tool asked to be left alone: no success of a step that was under way shortens that.
    held_until: Option<Instant>,
    probing: bool,
}

/// How a step ended, as far as it tells of the tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The tool answered.
    Answered,
    /// It failed transiently; and asks to be left alone for so long.
    Failed(Option<Duration>),
}

/// What the circuit says to a step.
enum Passage {
    Free,
    /// It is the one that tries.
    Probe,
    Blocked(Duration),
}

/// Leave to carry one step out. It goes back when it is dropped, however the step ended: nobody waits for a probe whose
/// step was given up.
pub(super) struct Admission {
    limiter: Arc<Limiter>,
    probe: bool,
    _permit: OwnedSemaphorePermit,
}

impl Admission {
    /// Counts how the step ended. What ends without it says nothing about the tool.
    pub fn record(self, ended: Ended) {
        let now = Instant::now();
        let mut breaker = self.limiter.breaker();
        let Ended::Failed(wait) = ended else {
            let held = breaker.held_until.filter(|until| *until > now);
            *breaker = Breaker {
                open_until: held,
                held_until: held,
                ..Breaker::default()
            };
            return;
        };
        breaker.failures = breaker.failures.saturating_add(1);
        let limits = &self.limiter.limits;
        let too_often = breaker.failures >= limits.circuit_failures;
        let pause = too_often.then(|| now + limits.circuit_pause);
        let wait = wait.unwrap_or_default().min(limits.hold_longest);
        let asked = (!wait.is_zero()).then(|| now + wait);
        breaker.held_until = breaker.held_until.max(asked);
        // None is before any instant.
        breaker.open_until = breaker.open_until.max(pause).max(asked);
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if self.probe {
            self.limiter.breaker().probing = false;
        }
    }
}

/// The limiter of one connection.
pub(super) struct Limiter {
    limits: ToolLimits,
    slots: Arc<Semaphore>,
    rate: DefaultDirectRateLimiter,
    breaker: Mutex<Breaker>,
    /// An operator ended a pause.
    ended: Notify,
}

impl Limiter {
    fn new(limits: ToolLimits) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(
                limits.concurrency.clamp(1, Semaphore::MAX_PERMITS),
            )),
            rate: RateLimiter::direct(Quota::per_second(limits.per_second)),
            breaker: Mutex::default(),
            ended: Notify::new(),
            limits,
        }
    }

    /// Waits until one more step may start. `None` when the engine stops.
    pub async fn admit(self: Arc<Self>) -> Option<Admission> {
        let permit = Arc::clone(&self.slots).acquire_owned().await.ok()?;
        let probe = loop {
            // Listens before it looks: a pause that ends in between is not missed.
            let ended = self.ended.notified();
            match self.passage() {
                Passage::Blocked(pause) => tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = ended => {}
                },
                Passage::Free => break false,
                Passage::Probe => break true,
            }
        };
        // Made before the next wait: should that be dropped, the probe is given back.
        let admission = Admission {
            limiter: Arc::clone(&self),
            probe,
            _permit: permit,
        };
        self.rate.until_ready().await;
        Some(admission)
    }

    /// Ends the pause of an open circuit, also one that the tool asked for: one step tries now.
    pub fn try_now(&self) {
        {
            let mut breaker = self.breaker();
            breaker.held_until = None;
            if breaker.open_until.is_some() {
                breaker.open_until = Some(Instant::now());
            }
        }
        self.ended.notify_waiters();
    }

    /// Whether the circuit lets the caller through; once its pause is over, as the one that tries.
    fn passage(&self) -> Passage {
        let mut breaker = self.breaker();
        let Some(until) = breaker.open_until else {
            return Passage::Free;
        };
        let now = Instant::now();
        if until > now {
            return Passage::Blocked(until - now);
        }
        if breaker.probing {
            return Passage::Blocked(Duration::from_millis(20));
        }
        breaker.probing = true;
        Passage::Probe
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

    async fn open_circuit() -> Arc<Limiter> {
        let limiter = Arc::new(Limiter::new(ToolLimits {
            circuit_failures: 2,
            circuit_pause: Duration::from_millis(50),
            ..ToolLimits::default()
        }));
        for _ in 0..2 {
            admit(&limiter).await.record(Ended::Failed(None));
        }
        assert_eq!(limiter.state(), Circuit::Open);
        limiter
    }

    async fn admit(limiter: &Arc<Limiter>) -> Admission {
        let admitted = tokio::time::timeout(Duration::from_secs(5), Arc::clone(limiter).admit());
        admitted.await.expect("a step is let through").unwrap()
    }

    #[tokio::test]
    async fn the_circuit_opens_lets_one_try_and_closes() {
        let limiter = open_circuit().await;
        let before = Instant::now();
        let probe = admit(&limiter).await;
        assert!(before.elapsed() >= Duration::from_millis(50));
        assert!(
            matches!(limiter.passage(), Passage::Blocked(_)),
            "only one step tries"
        );
        probe.record(Ended::Answered);
        assert_eq!(limiter.state(), Circuit::Closed);
        assert!(matches!(limiter.passage(), Passage::Free));
    }

    #[tokio::test]
    async fn a_tool_that_asks_to_be_left_alone_is_left_alone_by_all() {
        let limiter = Arc::new(Limiter::new(ToolLimits::default()));
        let under_way = admit(&limiter).await;
        let before = Instant::now();
        let asked = Duration::from_millis(400);
        admit(&limiter).await.record(Ended::Failed(Some(asked)));
        assert_eq!(limiter.state(), Circuit::Open);
        // Whoever was under way does not end that.
        under_way.record(Ended::Answered);
        assert_eq!(limiter.state(), Circuit::Open);
        let probe = admit(&limiter).await;
        assert!(before.elapsed() >= asked);
        probe.record(Ended::Failed(Some(asked)));
        assert!(matches!(limiter.passage(), Passage::Blocked(_)));
        admit(&limiter).await.record(Ended::Answered);
        assert_eq!(limiter.state(), Circuit::Closed);
    }

    #[tokio::test]
    async fn an_operator_ends_the_pause_that_a_tool_asked_for() {
        let limiter = Arc::new(Limiter::new(ToolLimits::default()));
        let asked = Duration::from_secs(86_400);
        admit(&limiter).await.record(Ended::Failed(Some(asked)));
        let waiting = admit(&limiter);
        tokio::pin!(waiting);
        assert!(futures::poll!(&mut waiting).is_pending());
        limiter.try_now();
        let probe = waiting.await;
        assert!(
            matches!(limiter.passage(), Passage::Blocked(_)),
            "only one step tries"
        );
        probe.record(Ended::Answered);
        assert_eq!(limiter.state(), Circuit::Closed);
    }

    /// The session ended, or the run did not want the step any more.
    #[tokio::test]
    async fn another_step_tries_when_the_probe_is_given_up() {
        let limiter = open_circuit().await;
        drop(admit(&limiter).await);
        admit(&limiter).await.record(Ended::Answered);
        assert_eq!(limiter.state(), Circuit::Closed);
    }

    /// `admit` itself was dropped after it had become the probe, while it waited for the rate.
    #[tokio::test]
    async fn another_step_tries_when_the_probe_is_dropped_before_it_starts() {
        let limiter = Arc::new(Limiter::new(ToolLimits {
            circuit_failures: 1,
            circuit_pause: Duration::ZERO,
            per_second: NonZeroU32::MIN,
            ..ToolLimits::default()
        }));
        admit(&limiter).await.record(Ended::Failed(None));
        let waiting = Arc::clone(&limiter).admit();
        assert!(
            tokio::time::timeout(Duration::from_millis(50), waiting)
                .await
                .is_err()
        );
        assert!(matches!(limiter.passage(), Passage::Probe));
    }
}
