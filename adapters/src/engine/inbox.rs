//! Follows the journal: notes which runs are open, and points the scheduler to runs that others moved.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use opstella_domain::RunId;
use opstella_domain::plan::StepId;
use opstella_domain::run::RunEvent;
use opstella_journal::{Batch, JournalError, Position, RecordedEvent};
use sqlx::PgPool;
use uuid::Uuid;

use super::open_runs::{self, Changes};
use super::scheduler::{ACTOR, Scheduler};

const BATCH: usize = 500;
/// How far the noted position may lag behind while no run opens or ends.
const NOTE_EVERY: Duration = Duration::from_secs(10);

/// Brings the notes up to the present, and takes over every run that is open then. One that no engine had noted was planned
/// while none ran: nothing of it was tried yet. Returns where to go on.
pub(super) async fn catch_up(scheduler: &Scheduler, pool: &PgPool) -> Result<Position, JournalError> {
    let journal = scheduler.commands.journal();
    let head = journal.head().await?;
    let mut subscription = journal.subscribe(open_runs::checkpoint(pool).await?);
    let mut untried = BTreeSet::new();
    while subscription.position() < head {
        let batch = subscription.next(BATCH).await?;
        untried.extend(open_runs::note(pool, &Changes::of(&batch), batch.position).await?);
    }
    take_over_all(scheduler, pool, &untried).await?;
    Ok(subscription.position())
}

async fn take_over_all(
    scheduler: &Scheduler,
    pool: &PgPool,
    untried: &BTreeSet<Uuid>,
) -> Result<(), JournalError> {
    let mut after = None;
    loop {
        let page = open_runs::page(pool, after, 500).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.0);
        for run in page {
            if untried.contains(&run.0) {
                scheduler.look(run).await;
            } else {
                scheduler.take_over(run).await;
            }
        }
    }
}

/// Looks at every open run again: after a queue was full.
pub(super) async fn look_at_all(scheduler: &Scheduler, pool: &PgPool) -> Result<(), JournalError> {
    let mut after = None;
    loop {
        let page = open_runs::page(pool, after, 500).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.0);
        for run in page {
            scheduler.look(run).await;
        }
    }
}

/// Most open runs that one sweep looks at.
const SWEEP: i64 = 500;

/// Looks at the next open runs after that one, in turn; where to go on. A run whose outcome the journal refused for good
/// would wait for ever otherwise.
pub(super) async fn look_at_some(
    scheduler: &Scheduler,
    pool: &PgPool,
    after: Option<Uuid>,
) -> Result<Option<Uuid>, JournalError> {
    let page = open_runs::page(pool, after, SWEEP).await?;
    let last = page.last().map(|run| run.0);
    for run in page {
        scheduler.look(run).await;
    }
    Ok(last)
}

/// Follows the journal from a position until the session ends.
pub(super) async fn follow(scheduler: Scheduler, pool: PgPool, from: Position) -> Result<(), JournalError> {
    let mut subscription = scheduler.commands.journal().subscribe(from);
    let mut noted = Instant::now();
    loop {
        let batch = tokio::select! {
            batch = subscription.next(BATCH) => batch?,
            () = scheduler.stop.cancelled() => return Ok(()),
        };
        let changes = Changes::of(&batch);
        if !changes.is_empty() || noted.elapsed() >= NOTE_EVERY {
            open_runs::note(&pool, &changes, batch.position).await?;
            noted = Instant::now();
        }
        for run in moved_by_others(&batch) {
            scheduler.look(run).await;
        }
        for (run, step) in retried(&batch) {
            scheduler.try_now(run, &step).await;
        }
    }
}

/// Runs that somebody else than the engine appended to.
fn moved_by_others(batch: &Batch) -> BTreeSet<RunId> {
    let engine = format!("system:{ACTOR}");
    let by_others = |event: &&RecordedEvent| {
        event.aggregate_type == "Run"
            && event
                .metadata()
                .is_ok_and(|metadata| metadata.actor.subject != engine)
    };
    batch
        .events
        .iter()
        .filter(by_others)
        .filter_map(|e| Uuid::parse_str(&e.aggregate_id).ok())
        .map(RunId)
        .collect()
}

/// Steps that operators want to have tried at once.
fn retried(batch: &Batch) -> Vec<(RunId, StepId)> {
    let asked = |event: &RecordedEvent| {
        if event.event_type != "StepRetryRequested" {
            return None;
        }
        let run = Uuid::parse_str(&event.aggregate_id).ok()?;
        match event.payload_as().ok()? {
            RunEvent::StepRetryRequested { step } => Some((RunId(run), step)),
            _ => None,
        }
    };
    batch.events.iter().filter_map(asked).collect()
}
