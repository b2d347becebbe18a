//! Tells receivers of what happens: notification webhooks out, as CloudEvents 1.0, signed as Standard Webhooks has it.
//!
//! ```text
//!  journal ──▶ feed ──▶ notification_deliveries ──▶ dispatch ──▶ sender ──▶ receiver
//!                │ who wants what                      │ one at a time of each subscription
//!                └ subscriptions' own events           └ delivered, tried again, or dead
//! ```
//!
//! One process at a time does it, by a lease of its own. Whatever matters is in tables: a process that dies loses nothing,
//! and what it was sending is sent again, under the same id. At least once, then, and in order as long as the
//! receiver takes what it is sent. A receiver that is slow or away holds up nobody but itself: its backlog is bounded, and beyond
//! that waits in the journal.

mod address;
mod cloud_event;
mod dispatch;
mod feed;
mod known;
mod notes;
mod options;
mod queue;
mod resolver;
mod secret;
mod sender;
mod sweep;

use std::sync::Arc;

use opstella_commands::Commands;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub use options::NotifierOptions;
pub use secret::{KeyError, SigningKey};
pub use sender::SenderError;

use crate::lease::in_turn;
use sender::Sender;

/// Key of the advisory lock: "notifier", in bytes.
const LEASE: i64 = 0x6e6f_7469_6669_6572;
/// Who acts.
const ACTOR: &str = "notifier";

/// The notifier of this process.
pub struct Notifier(Parts);

#[derive(Clone)]
struct Parts {
    commands: Commands,
    key: SigningKey,
    sender: Sender,
    /// Where events come from, as CloudEvents say it: the URL of this Opstella.
    source: Arc<str>,
    options: Arc<NotifierOptions>,
    /// Rung when something was queued.
    queued: Arc<Notify>,
    stop: CancellationToken,
}

impl Notifier {
    /// A notifier that signs by this key, and names this URL as the source of events.
    ///
    /// # Errors
    /// [`SenderError`] where no HTTP client can be made.
    pub fn new(
        commands: Commands,
        key: SigningKey,
        source: &str,
        options: NotifierOptions,
    ) -> Result<Self, SenderError> {
        Ok(Self(Parts {
            commands,
            key,
            sender: Sender::new(&options)?,
            source: source.into(),
            options: Arc::new(options),
            queued: Arc::default(),
            stop: CancellationToken::new(),
        }))
    }

    /// Works until cancelled; what is being sent then may still end, within a bound. Stands by until it gets the lease.
    pub async fn run(mut self, cancel: CancellationToken) {
        self.0.stop = cancel;
        let parts = self.0;
        let pool = parts.commands.journal().pool().clone();
        let (every, stop) = (parts.options.lease_interval, parts.stop.clone());
        in_turn("notifier", &pool, LEASE, every, &stop, |stop| {
            work(Parts {
                stop,
                ..parts.clone()
            })
        })
        .await;
    }
}

async fn work(session: Parts) {
    tokio::join!(feed::run(&session), dispatch::run(&session), sweep::run(&session));
}
