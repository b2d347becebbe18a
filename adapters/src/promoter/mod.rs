//! Moves promotions on when nobody does: a sealed release goes to DEV; new evidence, another policy, a waiver, a release
//! that completed before, and time make gates be looked at again; what Argo CD runs is watched for drift.
//!
//! ```text
//!  journal ──▶ follow ──▶ commands (promote, re-evaluate)
//!                 │ notes: which environments wait, which run something
//!                 ▼
//!              clock (gates that open by time,     watch (Argo CD ──▶ drift, health)
//!                     releases that DEV refused)
//! ```
//!
//! One process at a time does it, by a lease of its own. It holds nothing: whatever it does is a command that another
//! process could give as well, and that changes nothing the second time.

mod clock;
mod follow;
mod notes;
mod to_dev;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use opstella_commands::{CommandContext, Commands};
use opstella_domain::promotion::EnvironmentKey;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::Toolbox;
use crate::lease::in_turn;

/// Key of the advisory lock: "promoter", in bytes.
const LEASE: i64 = 0x7072_6f6d_6f74_6572;
/// Who acts.
const ACTOR: &str = "promoter";

/// What can be set about the promoter.
#[derive(Debug, Clone)]
pub struct PromoterOptions {
    /// How often gates are looked at that open by time.
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
    /// One release at a time is taken to DEV, so that an older one never comes after a newer one.
    to_dev: Arc<Mutex<()>>,
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
    tokio::join!(follow::run(&session), clock::run(&session), watch::run(&session));
}

impl Parts {
    fn context(&self, correlation: &str) -> CommandContext {
        CommandContext::system(ACTOR, correlation)
    }

    /// Looks at the gates of what waits in an environment. A refusal is logged: the next event or tick looks again.
    async fn look_again(&self, key: &EnvironmentKey, correlation: &str) {
        let context = self.context(correlation);
        if let Err(error) = self.commands.reevaluate(&context, key).await {
            tracing::warn!(environment = %key, %error, "the gates could not be looked at");
        }
    }
}
