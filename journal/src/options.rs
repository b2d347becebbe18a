use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::Upcaster;

/// How a [`Journal`](crate::Journal) works; the defaults fit a process that serves a few hundred people.
#[derive(Clone)]
pub struct JournalOptions {
    /// How long an append may take, waiting included. Past it the caller gets an error.
    pub append_timeout: Duration,
    /// How long a read may take.
    pub read_timeout: Duration,
    /// How many appends may wait; one more is refused at once.
    pub queue_capacity: usize,
    /// How many events one transaction takes at most (one unit is never divided).
    pub batch_rows: usize,
    /// How many bytes of payload and metadata one transaction takes at most (one unit is never divided).
    pub batch_bytes: usize,
    /// How many transactions may be under way at once, each on a connection of its own.
    pub committers: usize,
    /// The largest payload of one event, in bytes.
    pub max_event_bytes: usize,
    /// The most events in one append.
    pub max_unit_events: usize,
    /// The most bytes (payloads and metadata) in one append.
    pub max_unit_bytes: usize,
    /// The longest aggregate id, in bytes.
    pub max_id_bytes: usize,
    /// How many aggregates stay warm.
    pub cache_entries: u64,
    /// How many bytes of warm aggregates are kept, measured by the JSON that they were made from.
    pub cache_bytes: u64,
    /// A snapshot is made whenever a stream passes a multiple of this; `None` makes none.
    pub snapshot_every: Option<u64>,
    /// Names the code that makes snapshots. One with another name is not used: it has to change
    /// whenever a state's shape or meaning does.
    pub snapshot_tag: String,
    /// How often a subscription looks by itself, in case a notification was lost.
    pub poll_interval: Duration,
    /// At most one `NOTIFY` per this interval tells the other processes of new events.
    pub notify_interval: Duration,
    /// How many connections loads and subscriptions share.
    pub read_connections: u32,
    /// How many bytes of rows one read takes, before it leaves the rest to the next (one event is never divided).
    pub read_bytes: usize,
    /// How often expired idempotency keys are removed.
    pub purge_interval: Duration,
    /// Bring old events to today's form; applied in this order.
    pub upcasters: Vec<Arc<dyn Upcaster>>,
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self {
            append_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(10),
            queue_capacity: 4096,
            batch_rows: 512,
            batch_bytes: 4 << 20,
            committers: 1,
            max_event_bytes: 256 << 10,
            max_unit_events: 1000,
            max_unit_bytes: 4 << 20,
            max_id_bytes: 512,
            cache_entries: 10_000,
            cache_bytes: 32 << 20,
            snapshot_every: Some(100),
            snapshot_tag: env!("CARGO_PKG_VERSION").to_owned(),
            poll_interval: Duration::from_secs(1),
            notify_interval: Duration::from_millis(20),
            read_connections: 4,
            read_bytes: 4 << 20,
            purge_interval: Duration::from_secs(600),
            upcasters: Vec::new(),
        }
    }
}

impl fmt::Debug for JournalOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JournalOptions")
            .field("append_timeout", &self.append_timeout)
            .field("queue_capacity", &self.queue_capacity)
            .field("batch_rows", &self.batch_rows)
            .field("committers", &self.committers)
            .field("snapshot_every", &self.snapshot_every)
            .field("upcasters", &self.upcasters.len())
            .finish_non_exhaustive()
    }
}
