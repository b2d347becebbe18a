//! Group commit: one task takes all appends that wait and stores them in one transaction, one statement, one round
//! trip. While it waits for the disk the next batch gathers, so the batches grow with the load.

mod batch;
mod link;
mod settle;
pub(crate) mod sql;
mod unit;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::JournalOptions;
use crate::cache::{StreamKey, WarmCache};
use crate::recent::Recent;
use crate::snapshots::SnapshotQueue;
use crate::wake::Wake;
use link::Link;
pub(crate) use unit::Unit;

/// What the committer tells when something is stored.
pub(crate) struct Context {
    pub cache: WarmCache,
    pub recent: Arc<Recent>,
    pub wake: Wake,
    pub snapshots: SnapshotQueue,
    pub snapshot_every: Option<u64>,
}

impl Context {
    /// Forgets what was read: the connection was lost, and the server may be another one by now, and behind.
    fn forget(&self) {
        self.cache.clear();
        self.recent.clear();
    }
}

/// Takes appends and stores them until the journal is closed or dropped.
pub(crate) struct Committer {
    queue: mpsc::Receiver<Unit>,
    waiting: VecDeque<Unit>,
    /// Streams with a batch under way: another unit of theirs waits.
    busy: HashSet<StreamKey>,
    idle: Vec<Link>,
    context: Arc<Context>,
    capacity: usize,
    batch_rows: usize,
    batch_bytes: usize,
    closing: CancellationToken,
}

impl Committer {
    /// Connects once, so that a wrong configuration shows early.
    pub async fn connect(
        pool: &sqlx::PgPool,
        options: &JournalOptions,
        queue: mpsc::Receiver<Unit>,
        context: Context,
        closing: CancellationToken,
    ) -> Result<Self, sqlx::Error> {
        let deadline = tokio::time::Instant::now() + options.append_timeout;
        let mut idle = Vec::new();
        for _ in 0..options.committers.max(1) {
            let mut link = Link::new((*pool.connect_options()).clone(), options.append_timeout);
            link.connect(deadline).await?;
            idle.push(link);
        }
        Ok(Self {
            queue,
            waiting: VecDeque::new(),
            busy: HashSet::new(),
            idle,
            context: Arc::new(context),
            capacity: options.queue_capacity.max(1),
            batch_rows: options.batch_rows.max(1),
            batch_bytes: options.batch_bytes,
            closing,
        })
    }

    /// Runs until the queue is closed and everything in it is stored or answered.
    pub async fn run(mut self) {
        let closing = self.closing.clone();
        let context = Arc::clone(&self.context);
        let context = &*context;
        let mut under_way = FuturesUnordered::new();
        let mut open = true;
        loop {
            while self.waiting.len() < self.capacity
                && let Ok(unit) = self.queue.try_recv()
            {
                self.accept(unit);
            }
            while let Some((mut link, units)) = self.next_batch() {
                let keys: Vec<StreamKey> = units.iter().flat_map(Unit::keys).cloned().collect();
                metrics::histogram!("opstella_journal_batch_units").record(units.len() as f64);
                under_way.push(async move {
                    batch::commit(&mut link, context, units).await;
                    (link, keys)
                });
            }
            if !open && under_way.is_empty() && self.waiting.is_empty() {
                return;
            }
            tokio::select! {
                biased;
                Some((link, keys)) = under_way.next(), if !under_way.is_empty() => {
                    self.idle.push(link);
                    for key in &keys {
                        self.busy.remove(key);
                    }
                }
                unit = self.queue.recv(), if open && self.waiting.len() < self.capacity => match unit {
                    Some(unit) => self.accept(unit),
                    None => open = false,
                },
                // What is in the queue is still stored; nothing more gets in.
                () = closing.cancelled(), if open && !self.queue.is_closed() => self.queue.close(),
            }
        }
    }

    fn accept(&mut self, unit: Unit) {
        // Otherwise its caller gave up on it before it was looked at.
        if unit.ticket.take() {
            self.waiting.push_back(unit);
        }
    }

    /// The next batch and the connection for it, if there is something to do and a connection to do it on.
    fn next_batch(&mut self) -> Option<(Link, Vec<Unit>)> {
        if self.waiting.is_empty() {
            return None;
        }
        let link = self.idle.pop()?;
        let mut batch: Vec<Unit> = Vec::new();
        let mut claims: HashSet<(String, String)> = HashSet::new();
        let mut passed: HashSet<StreamKey> = HashSet::new();
        let mut left = VecDeque::with_capacity(self.waiting.len());
        let (mut rows, mut bytes) = (0, 0);
        while let Some(unit) = self.waiting.pop_front() {
            let full = !batch.is_empty()
                && (rows + unit.rows > self.batch_rows || bytes + unit.bytes > self.batch_bytes);
            let blocked = unit
                .keys()
                .any(|key| self.busy.contains(key) || passed.contains(key));
            let claim = unit
                .claim
                .as_ref()
                .map(|(claim, _)| (claim.scope.clone(), claim.key.clone()));
            let claimed = claim.as_ref().is_some_and(|claim| claims.contains(claim));
            if full {
                left.push_back(unit);
                break;
            }
            if blocked || claimed {
                // Those behind it may go ahead, but not those of its own streams.
                passed.extend(unit.keys().cloned());
                left.push_back(unit);
                continue;
            }
            rows += unit.rows;
            bytes += unit.bytes;
            self.busy.extend(unit.keys().cloned());
            claims.extend(claim);
            batch.push(unit);
        }
        left.append(&mut self.waiting);
        self.waiting = left;
        if batch.is_empty() {
            self.idle.push(link);
            return None;
        }
        Some((link, batch))
    }
}
