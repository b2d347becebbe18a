//! Fetches evidence that tools keep themselves: SonarQube's quality gate of a release's commit, and Harbor's scan of its
//! images.
//!
//! ```text
//!  journal ──▶ follow ──▶ notes: which reports are asked for, and when next
//!                           │        ▲ a webhook: look now
//!                           ▼        │
//!                         look ──▶ tool ──▶ evidence crate ──▶ command AddEvidence
//! ```
//!
//! Of images that wait in a promotion or run somewhere, `again` asks for later scans, at a modest pace.
//!
//! A report is asked for from the registration of the release on, with pauses that grow, until the tool itself has
//! told us (what was sent of its kind does not count), a newer image of the component is registered, or the release is too old. One process at a time
//! does it, by a lease of its own; whatever it does changes nothing the second time.

mod again;
mod follow;
mod images;
mod look;
mod notes;

use std::sync::Arc;
use std::time::Duration;

use opstella_commands::Commands;
use opstella_domain::ComponentName;
use opstella_domain::evidence::ReportKind;
use opstella_domain::release::ReleaseKey;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::Toolbox;
use crate::lease::in_turn;

/// Key of the advisory lock: "collecto", in bytes.
const LEASE: i64 = 0x636f_6c6c_6563_746f;
/// Who acts.
const ACTOR: &str = "collector";

/// What can be set about the collector.
#[derive(Debug, Clone)]
pub struct CollectorOptions {
    /// From the first look at a report to the second; later pauses are longer.
    pub first_pause: Duration,
    /// The longest pause between two looks.
    pub longest_pause: Duration,
    /// For how long the reports on a release are asked for.
    pub give_up_after: Duration,
    /// From one look at whether an image that waits or runs was scanned again to the next.
    pub again_every: Duration,
    /// Longest wait for a tool.
    pub patience: Duration,
    /// Reports that are asked for at once.
    pub at_once: usize,
    /// How often the notes are looked at for what is due.
    pub tick: Duration,
    /// How often the lease is checked, or asked for.
    pub lease_interval: Duration,
}

impl Default for CollectorOptions {
    fn default() -> Self {
        Self {
            first_pause: Duration::from_secs(15),
            longest_pause: Duration::from_secs(600),
            give_up_after: Duration::from_secs(72 * 3600),
            again_every: Duration::from_secs(6 * 3600),
            patience: Duration::from_secs(20),
            at_once: 4,
            tick: Duration::from_secs(1),
            lease_interval: Duration::from_secs(2),
        }
    }
}

/// The collector of this process.
pub struct Collector {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Parts {
    commands: Commands,
    toolbox: Arc<dyn Toolbox>,
    options: CollectorOptions,
    stop: CancellationToken,
}

impl Collector {
    /// Starts it: it stands by until it gets the lease.
    pub fn start(commands: Commands, toolbox: Arc<dyn Toolbox>, options: CollectorOptions) -> Self {
        let stop = CancellationToken::new();
        let parts = Parts {
            commands,
            toolbox,
            options,
            stop: stop.clone(),
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
            tracing::error!(%error, "the collector did not stop cleanly");
        }
    }
}

/// Has the collector, in whichever process, look at a report now, although there may be evidence of its kind already:
/// its tool said that something happened.
///
/// # Errors
/// Where the database does not take the note.
pub async fn look_now(
    commands: &Commands,
    release: &ReleaseKey,
    component: &ComponentName,
    kind: ReportKind,
) -> Result<(), opstella_commands::CommandError> {
    let image = commands.release_image(release, component).await?;
    let wanted = notes::Wanted {
        release,
        component,
        digest: &image.digest,
        kind,
    };
    let pool = commands.journal().pool();
    let noted = notes::look_now(pool, &wanted).await;
    Ok(noted.map_err(opstella_journal::JournalError::from)?)
}

async fn stand_by(parts: Parts) {
    let pool = parts.commands.journal().pool().clone();
    let (every, stop) = (parts.options.lease_interval, parts.stop.clone());
    in_turn("collector", &pool, LEASE, every, &stop, |stop| {
        work(Parts {
            stop,
            ..parts.clone()
        })
    })
    .await;
}

async fn work(session: Parts) {
    tokio::join!(follow::run(&session), look::run(&session), again::run(&session));
}
