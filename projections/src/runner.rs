//! Keeps one projection up to date.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use opstella_journal::{JournalError, RecordedEvent};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::apply::{self, Applied};
use crate::checkpoint::{self, Checkpoint};
use crate::poison;
use crate::progress::Progress;
use crate::projections::Shared;
use crate::session::{LockClass, Session, answered};
use crate::{Projection, ProjectionError, generation, rebuild, status};

/// How long the checkpoint may stand behind events that do not concern the projection: other processes look at it, and
/// after a restart they are read again.
const NOTE_AFTER: Duration = Duration::from_millis(100);

/// Runs until cancelled, whatever happens to the database meanwhile.
pub(crate) async fn run(shared: &Shared, projection: &dyn Projection, cancel: &CancellationToken) {
    let mut backoff = shared.options.first_backoff;
    let mut given_up = None;
    loop {
        let mut runner = Runner {
            shared,
            projection,
            progress: shared.hub.of(projection.name()),
            cancel,
            moved: false,
            given_up,
        };
        // A panic outside a projection's own code: in an upcaster, say.
        let led = AssertUnwindSafe(runner.lead()).catch_unwind().await;
        match led.unwrap_or_else(|panic| Err(apply::failed(projection, apply::panicked(panic.as_ref())))) {
            Ok(()) => return,
            Err(ProjectionError::Journal(JournalError::Closed)) => return,
            Err(error) => {
                tracing::warn!(projection = projection.name(), %error, "a projection was interrupted; it goes on soon");
                metrics::counter!("opstella_projection_errors_total", "projection" => projection.name())
                    .increment(1);
            }
        }
        given_up = runner.given_up;
        if runner.moved {
            backoff = shared.options.first_backoff;
        }
        if pause(cancel, backoff).await {
            return;
        }
        backoff = (backoff * 2).min(shared.options.longest_backoff);
    }
}

/// Waits; `true` when cancelled.
async fn pause(cancel: &CancellationToken, time: Duration) -> bool {
    tokio::select! {
        () = tokio::time::sleep(time) => false,
        () = cancel.cancelled() => true,
    }
}

struct Runner<'a> {
    shared: &'a Shared,
    projection: &'a dyn Projection,
    progress: &'a Progress,
    cancel: &'a CancellationToken,
    /// Whether it got anything done, so that the next pause may be short again.
    moved: bool,
    /// The build of older code that this process could not renew. Other code, a restart or `resume` tries again.
    given_up: Option<i64>,
}

impl Runner<'_> {
    /// Becomes the one active runner of this projection and stays it until cancelled. The lock is held by the same
    /// connection that applies the events: who loses it can commit nothing more.
    async fn lead(&mut self) -> Result<(), ProjectionError> {
        let name = self.projection.name();
        let mut session = self
            .shared
            .session(&format!("opstella-projection-{name}"))
            .await?;
        while !session.try_lock(LockClass::Apply, name).await? {
            if pause(self.cancel, self.shared.options.poll_interval).await {
                session.close().await;
                return Ok(());
            }
        }
        while !self.cancel.is_cancelled() {
            let live = generation::ensure_live(&mut session, self.projection).await?;
            self.progress.stands_at(live.position);
            status::show_stopped(name, live.stopped());
            let passed = live.stopped_at.is_some_and(|at| at <= live.position);
            if live.stopped() && passed && live.version == self.projection.version() {
                // It was newer code that could not apply an event which is in these tables already.
                checkpoint::resume(self.shared.pool(), self.projection.name()).await?;
                continue;
            }
            let given_up = live.stopped() && self.given_up == Some(live.generation);
            if live.version < self.projection.version() && !given_up {
                self.renew(&mut session, live).await?;
            } else if live.version > self.projection.version() || live.stopped() {
                self.stand_by().await;
            } else {
                self.follow(&mut session, live).await?;
            }
        }
        session.close().await;
        Ok(())
    }

    /// The tables are of older code: they are left as they are and a new build is made beside them.
    async fn renew(&mut self, session: &mut Session, live: Checkpoint) -> Result<(), ProjectionError> {
        let name = self.projection.name();
        tracing::info!(
            projection = name,
            from = live.version,
            to = self.projection.version(),
            "rebuilding for new code"
        );
        tokio::select! {
            done = rebuild::rebuild(self.shared, self.projection, |_| {}) => match done {
                // Somebody else does it.
                Err(ProjectionError::RebuildInProgress { .. }) => self.stand_by().await,
                Err(error @ (ProjectionError::Poisoned { .. } | ProjectionError::Journal(JournalError::Corrupt { .. }))) => {
                    self.given_up = Some(live.generation);
                    poison::stop_renewal(session, &live, &error).await?;
                }
                other => { other?; }
            },
            () = self.cancel.cancelled() => {}
        }
        Ok(())
    }

    async fn stand_by(&self) {
        tokio::select! {
            () = self.progress.changed.notified() => {}
            _ = pause(self.cancel, self.shared.options.poll_interval) => {}
        }
    }

    /// Applies events as they come, until the build is no longer the live one, has stopped, or we are cancelled.
    async fn follow(&mut self, session: &mut Session, mut build: Checkpoint) -> Result<(), ProjectionError> {
        session.enter(&build.schema).await?;
        let mut subscription = self.shared.journal.subscribe(build.position);
        // When the checkpoint is to follow over events that concern nobody here.
        let mut note_at: Option<Instant> = None;
        loop {
            let next = tokio::select! {
                next = subscription.next(self.shared.options.batch) => next,
                () = self.progress.changed.notified() => return Ok(()),
                () = self.cancel.cancelled() => return Ok(()),
                () = sleep_until(note_at.unwrap_or_else(Instant::now)), if note_at.is_some() => {
                    note_at = None;
                    let to = subscription.position();
                    let advanced = checkpoint::advance(&mut session.connection, &build, to);
                    if !answered(session.patience, advanced).await? {
                        return Ok(());
                    }
                    build.position = to;
                    continue;
                }
            };
            let batch = match next {
                Ok(batch) => batch.events,
                Err(error @ JournalError::Corrupt { .. }) => {
                    return self.narrow(session, &mut build, &error).await;
                }
                Err(error) => return Err(error.into()),
            };
            if !self.concerned(&batch) {
                self.progress.reached(subscription.position());
                self.measure(batch.len(), Duration::ZERO);
                note_at.get_or_insert_with(|| Instant::now() + NOTE_AFTER);
                continue;
            }
            note_at = None;
            let started = Instant::now();
            let applied = match apply::apply(session, self.projection, &mut build, &batch).await {
                Ok(applied) => applied,
                Err(error) if error.is_transient() => return Err(apply::failed(self.projection, error)),
                Err(error) => {
                    tracing::warn!(projection = build.name, %error, "a batch failed; looking for the event");
                    poison::apply_singly(session, self.projection, &mut build, &batch).await?
                }
            };
            self.progress.reached(build.position);
            if matches!(applied, Applied::Moved) {
                return Ok(());
            }
            self.moved = true;
            self.measure(batch.len(), started.elapsed());
        }
    }

    /// Whether the projection reads any of these events.
    fn concerned(&self, batch: &[RecordedEvent]) -> bool {
        let reads = self.projection.aggregates();
        reads.is_none_or(|types| {
            batch
                .iter()
                .any(|event| types.contains(&event.aggregate_type.as_str()))
        })
    }

    fn measure(&self, events: usize, took: Duration) {
        let name = self.projection.name();
        metrics::histogram!("opstella_projection_batch_seconds", "projection" => name)
            .record(took.as_secs_f64());
        metrics::counter!("opstella_projection_events_total", "projection" => name).increment(events as u64);
    }

    /// Somewhere in the next batch is an event that the journal cannot bring to today's form: applies those before
    /// it one by one.
    async fn narrow(
        &mut self,
        session: &mut Session,
        build: &mut Checkpoint,
        error: &JournalError,
    ) -> Result<(), ProjectionError> {
        let mut subscription = self.shared.journal.subscribe(build.position);
        loop {
            match subscription.try_next(1).await {
                Ok(batch) if batch.events.is_empty() => return Ok(()),
                Ok(batch) => {
                    let applied =
                        poison::apply_singly(session, self.projection, build, &batch.events).await?;
                    self.progress.reached(build.position);
                    if matches!(applied, Applied::Moved) {
                        return Ok(());
                    }
                }
                Err(JournalError::Corrupt { .. }) => {
                    return poison::stop_at_unreadable(self.shared, session, build, error).await;
                }
                Err(other) => return Err(other.into()),
            }
        }
    }
}
