//! A session: from getting the lease to losing it or stopping.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opstella_commands::Commands;
use opstella_domain::run::FailureClass;
use opstella_domain::tool_connection::ConnectionKey;
use opstella_journal::JournalError;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::limits::{Admission, Ended, Limiter, Limits};
use super::queues::{Queues, Ticket};
use super::scheduler::Scheduler;
use crate::lease::Lease;

use super::{Action, EngineOptions, StepExecutor, StepOrder, StepReport, inbox, outcome};

/// Key of the advisory lock: "opstengi", in bytes.
const LEASE: i64 = 0x6f70_7374_656e_6769;
/// Longest wait for steps that were given up: they end where they wait for something next.
const GIVING_UP: Duration = Duration::from_secs(5);
/// How often open runs are looked at again: what an error of the journal stopped goes on then.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// What an engine is made of.
pub(super) struct Parts {
    pub commands: Commands,
    pub executor: Arc<dyn StepExecutor>,
    pub limits: Limits,
    pub options: Arc<EngineOptions>,
    pub stop: CancellationToken,
    pub active: Arc<AtomicBool>,
}

/// Asks for the lease, holds a session while it has it, and starts over, until told to stop.
pub(super) async fn stand_by(parts: Parts) {
    while !parts.stop.is_cancelled() {
        if let Some(lease) = Lease::try_take(parts.commands.journal().pool(), LEASE).await {
            parts.active.store(true, Ordering::Relaxed);
            metrics::gauge!("opstella_engine_active").set(1.0);
            hold(&parts, lease).await;
            parts.active.store(false, Ordering::Relaxed);
            metrics::gauge!("opstella_engine_active").set(0.0);
        }
        tokio::select! {
            () = tokio::time::sleep(parts.options.lease_interval) => {}
            () = parts.stop.cancelled() => {}
        }
    }
}

async fn hold(parts: &Parts, mut lease: Lease) {
    let (queues, announced) = Queues::new(parts.options.queue_capacity);
    let scheduler = Scheduler {
        commands: parts.commands.clone(),
        queues,
        under_way: Arc::default(),
        timers: Arc::default(),
        run_locks: Arc::default(),
        limits: parts.limits.clone(),
        tasks: TaskTracker::new(),
        stop: parts.stop.child_token(),
        give_up: CancellationToken::new(),
    };
    tracing::info!("the engine is active in this process");
    scheduler.spawn(serve_queues(parts_of(parts), scheduler.clone(), announced));
    let work = drive(&scheduler);
    tokio::pin!(work);
    let mut drain = parts.options.drain;
    loop {
        tokio::select! {
            result = &mut work => {
                if let Err(error) = result {
                    tracing::error!(%error, "the engine's session ended; starting over");
                }
                break;
            }
            () = tokio::time::sleep(parts.options.lease_interval) => {
                if !lease.holds().await {
                    tracing::warn!("the engine lost its lease; standing by");
                    // Another process may have it by now, and carries the same steps out.
                    drain = Duration::ZERO;
                    break;
                }
            }
            () = parts.stop.cancelled() => break,
        }
    }
    end(&scheduler, drain).await;
    lease.release().await;
}

/// Waits so long for steps under way, then gives them up: none goes on after its session.
async fn end(scheduler: &Scheduler, drain: Duration) {
    scheduler.stop.cancel();
    scheduler.tasks.close();
    if tokio::time::timeout(drain, scheduler.tasks.wait()).await.is_ok() {
        return;
    }
    tracing::warn!(
        "some steps were still under way when the engine stopped; the next one looks at them again"
    );
    scheduler.give_up.cancel();
    if tokio::time::timeout(GIVING_UP, scheduler.tasks.wait())
        .await
        .is_err()
    {
        tracing::error!("some steps could not be given up");
    }
}

async fn drive(scheduler: &Scheduler) -> Result<(), JournalError> {
    let pool = scheduler.commands.journal().pool().clone();
    let from = inbox::catch_up(scheduler, &pool).await?;
    let follow = inbox::follow(scheduler.clone(), pool.clone(), from);
    tokio::pin!(follow);
    let (mut swept, mut after) = (Instant::now(), None);
    loop {
        tokio::select! {
            ended = &mut follow => return ended,
            () = tokio::time::sleep(Duration::from_secs(1)) => {
                if scheduler.queues.take_overflow() {
                    inbox::look_at_all(scheduler, &pool).await?;
                }
                if swept.elapsed() >= SWEEP_EVERY {
                    after = inbox::look_at_some(scheduler, &pool, after).await?;
                    swept = Instant::now();
                }
            }
        }
    }
}

/// What the workers of queues share.
#[derive(Clone)]
struct Worker {
    executor: Arc<dyn StepExecutor>,
    limits: Limits,
    options: Arc<EngineOptions>,
}

fn parts_of(parts: &Parts) -> Worker {
    Worker {
        executor: Arc::clone(&parts.executor),
        limits: parts.limits.clone(),
        options: Arc::clone(&parts.options),
    }
}

async fn serve_queues(
    worker: Worker,
    scheduler: Scheduler,
    mut announced: mpsc::UnboundedReceiver<(ConnectionKey, mpsc::Receiver<Ticket>)>,
) {
    loop {
        tokio::select! {
            queue = announced.recv() => {
                let Some((connection, tickets)) = queue else { return };
                let limiter = worker.limits.of(&connection);
                scheduler.spawn(serve(worker.clone(), scheduler.clone(), connection, limiter, tickets));
            }
            () = scheduler.stop.cancelled() => return,
        }
    }
}

/// Takes tickets of one connection, as its limits allow.
async fn serve(
    worker: Worker,
    scheduler: Scheduler,
    connection: ConnectionKey,
    limiter: Arc<Limiter>,
    mut tickets: mpsc::Receiver<Ticket>,
) {
    loop {
        let next = async {
            let ticket = tickets.recv().await?;
            Some((ticket, Arc::clone(&limiter).admit().await?))
        };
        let (ticket, admission) = tokio::select! {
            next = next => match next { Some(next) => next, None => return },
            () = scheduler.stop.cancelled() => return,
        };
        let (worker, tracked) = (worker.clone(), scheduler.clone());
        let connection = connection.clone();
        scheduler.spawn(async move {
            let done = carry_out(&worker, &tracked, connection, admission, &ticket).await;
            tracked.under_way.remove(&ticket);
            if let Some(state) = done {
                tracked.put(ticket.run, &state);
            }
        });
    }
}

/// One try: asks the run whether it is still wanted, has it carried out, and records how it ended.
async fn carry_out(
    worker: &Worker,
    scheduler: &Scheduler,
    connection: ConnectionKey,
    admission: Admission,
    ticket: &Ticket,
) -> Option<Arc<opstella_domain::run::Run>> {
    let state = scheduler.persist(ticket.run, None).await?;
    let Some(order) = order(&state, &connection, ticket) else {
        return Some(state);
    };
    let started = Instant::now();
    let report = worker.executor.execute(order).await;
    let duration = started.elapsed();
    admission.record(ended(&connection, &report));
    measure(&connection, ticket, &report, duration);
    let command = outcome::command(&worker.options, &state, ticket, report, duration);
    scheduler.persist(ticket.run, Some(command)).await
}

/// What the report says of the tool.
fn ended(connection: &ConnectionKey, report: &StepReport) -> Ended {
    let StepReport::Failed {
        class: FailureClass::Transient,
        retry_after_ms,
        ..
    } = report
    else {
        return Ended::Answered;
    };
    let asked = retry_after_ms.map(Duration::from_millis);
    if let Some(asked) = asked {
        let seconds = asked.as_secs_f64();
        tracing::warn!(%connection, seconds, "the tool asks to be left alone (Retry-After); its steps wait");
    }
    Ended::Failed(asked)
}

fn order(
    state: &opstella_domain::run::Run,
    connection: &ConnectionKey,
    ticket: &Ticket,
) -> Option<StepOrder> {
    let step = state.step(&Scheduler::wanted(state, ticket)?)?;
    let removes = state.saga?.removes();
    Some(StepOrder {
        run: ticket.run,
        step: ticket.step.clone(),
        attempt: ticket.attempt,
        action: match (ticket.back, removes) {
            (true, _) => Action::Compensate,
            (false, true) => Action::Remove,
            (false, false) => Action::Ensure,
        },
        connection: connection.clone(),
        operation: step.operation.clone(),
        service: state.service.clone()?,
        adopt: state.adopt,
        run_started: state.planned_at?,
        retried: state.steps.get(&ticket.step)?.uncertain,
        commit: state.commit_of(step),
    })
}

fn measure(connection: &ConnectionKey, ticket: &Ticket, report: &StepReport, duration: Duration) {
    let outcome = match report {
        StepReport::Failed {
            class: FailureClass::Transient,
            ..
        } => "transient",
        StepReport::Failed {
            class: FailureClass::Permanent,
            ..
        } => "permanent",
        StepReport::Failed {
            class: FailureClass::Unauthorised,
            ..
        } => "unauthorised",
        StepReport::Awaited { .. } => "awaited",
        _ => "done",
    };
    let direction = if ticket.back { "back" } else { "forward" };
    let tool = connection.tool.slug();
    metrics::counter!("opstella_steps_total", "tool" => tool, "direction" => direction, "outcome" => outcome)
        .increment(1);
    metrics::histogram!("opstella_step_seconds", "tool" => tool).record(duration.as_secs_f64());
}
