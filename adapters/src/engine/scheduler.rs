//! Looks at a run and puts what it may do next on its way.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use opstella_commands::{CommandContext, CommandError, Commands};
use opstella_domain::plan::{PlannedStep, StepId};
use opstella_domain::run::{Run, RunCommand, Work};
use opstella_domain::tool_connection::ConnectionKey;
use opstella_domain::{DomainError, RunId};
use opstella_journal::JournalError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::limits::Limits;
use super::queues::{Queues, Ticket, UnderWay};
use crate::turns::Turns;

/// Subject of the engine's own commands: the inbox passes over what it caused itself.
pub(super) const ACTOR: &str = "engine";

/// Puts work on its way. Cheap to clone.
#[derive(Clone)]
pub(super) struct Scheduler {
    pub commands: Commands,
    pub queues: Arc<Queues>,
    pub under_way: Arc<UnderWay>,
    /// Tries whose time has not come. Apart from those under way: an operator may have one made at once.
    pub timers: Arc<UnderWay>,
    pub run_locks: Arc<Turns<RunId>>,
    pub limits: Limits,
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
    /// Ends what is still under way after the session's end.
    pub give_up: CancellationToken,
}

impl Scheduler {
    /// Has something done that the session waits for when it ends, and gives up in the end.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let give_up = self.give_up.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = work => {}
                () = give_up.cancelled() => {}
            }
        });
    }

    /// Loads a run and puts its work on its way.
    pub async fn look(&self, run: RunId) {
        self.forget(run);
        if let Some(state) = self.persist(run, None).await {
            self.put(run, &state);
        }
    }

    /// Takes a run over from another session: what is under way there starts again.
    pub async fn take_over(&self, run: RunId) {
        self.forget(run);
        if let Some(state) = self.persist(run, Some(RunCommand::Resume)).await {
            self.put(run, &state);
        }
    }

    /// Has the run read from the table: the cache knows nothing of what another process appended.
    fn forget(&self, run: RunId) {
        self.commands.journal().evict::<Run>(&run.to_string());
    }

    /// Puts everything on its way that the run may do now and that is not on its way already.
    pub fn put(&self, run: RunId, state: &Run) {
        for work in state.work() {
            match work {
                Work::Execute { step, attempt } => self.queue(
                    state,
                    Ticket {
                        run,
                        step,
                        attempt,
                        back: false,
                    },
                ),
                Work::Retry {
                    step,
                    attempt,
                    not_before,
                } => {
                    self.wait(
                        Ticket {
                            run,
                            step,
                            attempt,
                            back: false,
                        },
                        not_before,
                    );
                }
                Work::Compensate {
                    step,
                    not_before: Some(not_before),
                    attempt,
                } if not_before > Utc::now() => {
                    self.wait(
                        Ticket {
                            run,
                            step,
                            attempt,
                            back: true,
                        },
                        not_before,
                    );
                }
                Work::Compensate { step, attempt, .. } => self.queue(
                    state,
                    Ticket {
                        run,
                        step,
                        attempt,
                        back: true,
                    },
                ),
            }
        }
    }

    fn queue(&self, state: &Run, ticket: Ticket) {
        let Some(step) = state.step(&ticket.step) else {
            return;
        };
        let connection = connection_of(step);
        if self.under_way.insert(&ticket) && !self.queues.push(&connection, ticket.clone()) {
            self.under_way.remove(&ticket);
        }
    }

    /// An operator wants this step tried: its tool is asked now, whatever pause it is in.
    pub async fn try_now(&self, run: RunId, step: &StepId) {
        let Some(state) = self.persist(run, None).await else {
            return;
        };
        if let Some(step) = state.step(step) {
            self.limits.of(&connection_of(step)).try_now();
        }
    }

    /// Comes back to the run when the time of a next try has come.
    fn wait(&self, ticket: Ticket, not_before: DateTime<Utc>) {
        if !self.timers.insert(&ticket) {
            return;
        }
        let scheduler = self.clone();
        self.spawn(async move {
            let pause = (not_before - Utc::now()).to_std().unwrap_or_default();
            let due = tokio::select! {
                () = tokio::time::sleep(pause) => true,
                () = scheduler.stop.cancelled() => false,
            };
            scheduler.timers.remove(&ticket);
            if due {
                scheduler.due(ticket).await;
            }
        });
    }

    async fn due(&self, ticket: Ticket) {
        let Ticket {
            run,
            step,
            attempt,
            back,
        } = ticket;
        if back {
            return self.look(run).await;
        }
        let start = RunCommand::StartRetry { step, attempt };
        if let Some(state) = self.persist(run, Some(start)).await {
            self.put(run, &state);
        }
    }

    /// Carries a command on a run out, or only loads it, however long the database is away. `None` where the run
    /// does not take the command any more, or the engine stops.
    pub async fn persist(&self, run: RunId, mut command: Option<RunCommand>) -> Option<Arc<Run>> {
        let mut pause = Duration::from_millis(20);
        loop {
            let result = match &command {
                Some(command) => {
                    let _turn = self.run_locks.lock(run).await;
                    self.advance(run, command.clone()).await
                }
                None => self.commands.load_run(run).await.map(|loaded| loaded.state),
            };
            match result {
                Ok(state) => return Some(state),
                Err(CommandError::Journal(error)) if may_pass(&error) => {
                    tracing::warn!(%run, %error, "the journal did not take it from the engine; trying again");
                }
                Err(error @ CommandError::Unavailable { .. }) => {
                    tracing::warn!(%run, %error, "what the engine's command depends on is away; trying again");
                }
                Err(CommandError::Domain(error)) if matches!(*error, DomainError::StaleAttempt { .. }) => {
                    tracing::info!(%run, %error, "an outcome came too late");
                    // Only where the run stands by now is of interest, however long it takes to load it.
                    command = None;
                    continue;
                }
                Err(error) => {
                    tracing::error!(%run, %error, "the engine cannot go on with a run");
                    return None;
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(Duration::from_secs(2)),
                () = self.stop.cancelled() => return None,
            }
        }
    }

    async fn advance(&self, run: RunId, command: RunCommand) -> Result<Arc<Run>, CommandError> {
        let before = self.commands.load_run(run).await?.state.status;
        let context = CommandContext::system(ACTOR, run.to_string());
        let state = self.commands.advance_run(&context, run, command).await?;
        if state.status != before {
            metrics::counter!("opstella_runs_total", "status" => state.status.slug()).increment(1);
        }
        Ok(state)
    }

    /// The planned step of a ticket, if the run still wants it done under this attempt.
    pub fn wanted(state: &Run, ticket: &Ticket) -> Option<StepId> {
        let same = |work: &Work| match work {
            Work::Execute { step, attempt } => {
                !ticket.back && step == &ticket.step && *attempt == ticket.attempt
            }
            Work::Compensate { step, attempt, .. } => {
                ticket.back && step == &ticket.step && *attempt == ticket.attempt
            }
            Work::Retry { .. } => false,
        };
        state.work().iter().any(same).then(|| ticket.step.clone())
    }
}

/// Whether the journal may take it later. An unknown outcome is decided anew: if it was stored, the attempt is stale.
fn may_pass(error: &JournalError) -> bool {
    error.is_transient() || matches!(error, JournalError::OutcomeUnknown | JournalError::Database(_))
}

fn connection_of(step: &PlannedStep) -> ConnectionKey {
    ConnectionKey {
        tool: step.tool(),
        name: step.connection.clone(),
    }
}
