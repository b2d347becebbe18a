//! Moves promotions on when nobody does: a sealed release goes to DEV; new evidence, another policy, a waiver, a release
//! that completed before, and time make gates be looked at again; what Argo CD runs is watched for drift.
//!
//! ```text
//!  journal ──▶ follow ──▶ to_dev ──▶ command (promote)
//!                 │          ▲ releases that DEV refused, again
//!                 ▼          │
//!               notes: which environments wait and which of them are to be looked at, which run something
//!                 ▲                  │
//!  clock ─────────┘                  ▼
//!  (gates that open by time)       look ──▶ command (re-evaluate)         watch (Argo CD ──▶ drift, health)
//! ```
//!
//! Looks are asked for in the notes and made a few at once: what asks for a thousand of them holds up nothing else.
//!
//! One process at a time does it, by a lease of its own. It holds nothing: whatever it does is a command that another
//! process could give as well, and that changes nothing the second time.

mod asked;
mod clock;
mod follow;
mod look;
mod notes;
mod sight;
mod to_dev;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use opstella_commands::{CommandContext, Commands};
use opstella_domain::ServiceKey;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::Toolbox;
use crate::lease::in_turn;
use crate::turns::Turns;

/// Key of the advisory lock: "promoter", in bytes.
const LEASE: i64 = 0x7072_6f6d_6f74_6572;
/// Who acts.
const ACTOR: &str = "promoter";
/// Environments, and services, that are worked at side by side.
const AT_ONCE: usize = 8;

/// What can be set about the promoter.
#[derive(Debug, Clone)]
pub struct PromoterOptions {
    /// How often gates are looked at that open by time; and how long until a release that DEV refused is asked for again,
    /// which doubles up to 60 times as long.
    pub clock_interval: Duration,
    /// How often what Argo CD runs is looked at.
    pub watch_interval: Duration,
    /// How often the lease is checked, or asked for.
    pub lease_interval: Duration,
}

impl Default for PromoterOptions {
    fn default() -> Self {
        Self {
            clock_interval: Duration::from_secs(5),
            watch_interval: Duration::from_secs(30),
            lease_interval: Duration::from_secs(2),
        }
    }
}

/// The promoter of this process.
pub struct Promoter {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Parts {
    commands: Commands,
    toolbox: Arc<dyn Toolbox>,
    options: PromoterOptions,
    stop: CancellationToken,
    /// One release of a service at a time is taken to DEV, so that an older one never comes after a newer one.
    to_dev: Arc<Turns<ServiceKey>>,
    /// Rung when a look was asked for.
    asked: Arc<Notify>,
}

impl Promoter {
    /// Starts it: it stands by until it gets the lease.
    pub fn start(commands: Commands, toolbox: Arc<dyn Toolbox>, options: PromoterOptions) -> Self {
        let stop = CancellationToken::new();
        let parts = Parts {
            commands,
            toolbox,
            options,
            stop: stop.clone(),
            to_dev: Arc::default(),
            asked: Arc::default(),
        };
        Self {
            stop,
            task: tokio::spawn(stand_by(parts)),
        }
    }

    /// Stops after what is under way.
    pub async fn shutdown(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the promoter did not stop cleanly");
        }
    }
}

async fn stand_by(parts: Parts) {
    let pool = parts.commands.journal().pool().clone();
    let (every, stop) = (parts.options.lease_interval, parts.stop.clone());
    in_turn("promoter", &pool, LEASE, every, &stop, |stop| {
        work(Parts {
            stop,
            ..parts.clone()
        })
    })
    .await;
}

async fn work(session: Parts) {
    tokio::join!(
        follow::run(&session),
        look::run(&session),
        to_dev::run(&session),
        clock::run(&session),
        watch::run(&session)
    );
}

impl Parts {
    fn context(&self, correlation: &str) -> CommandContext {
        CommandContext::system(ACTOR, correlation)
    }
}
