//! All projections of a process: the way in.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use opstella_journal::{Journal, Position};
use sqlx::PgPool;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::progress::Hub;
use crate::rebuild::{RebuildProgress, RebuildReport};
use crate::session::Session;
use crate::{
    Projection, ProjectionError, ProjectionOptions, ProjectionStatus, Queries, ReplayedModel, checkpoint,
    generation, models, replay, runner, status,
};

/// The projections of this process, over one journal. Cheap to clone.
///
/// Several processes may run them at once: for each projection one of them is active and the others stand by.
#[derive(Clone)]
pub struct Projections {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub journal: Journal,
    pub options: ProjectionOptions,
    pub projections: Vec<Arc<dyn Projection>>,
    pub hub: Hub,
    pub replays: Arc<Semaphore>,
}

/// Longest pause between two looks at another process's checkpoint: many may wait, for long.
const LONGEST_WAIT: Duration = Duration::from_millis(250);

impl Shared {
    pub fn pool(&self) -> &PgPool {
        self.journal.pool()
    }

    /// A connection for that role.
    pub async fn session(&self, role: &str) -> Result<Session, sqlx::Error> {
        Session::open(self.pool(), role, self.options.patience).await
    }

    pub fn find(&self, name: &str) -> Result<&Arc<dyn Projection>, ProjectionError> {
        let found = self.projections.iter().find(|p| p.name() == name);
        found.ok_or_else(|| ProjectionError::Unknown {
            name: name.to_owned(),
            known: self.projections.iter().map(|p| p.name()).collect(),
        })
    }
}

impl Projections {
    /// These projections.
    pub fn new(journal: Journal, projections: Vec<Arc<dyn Projection>>, options: ProjectionOptions) -> Self {
        let hub = Hub::new(projections.iter().map(|p| p.name()));
        Self {
            shared: Arc::new(Shared {
                journal,
                options,
                projections,
                hub,
                replays: Arc::new(Semaphore::new(1)),
            }),
        }
    }

    /// Opstella's own projections ([`models::all`]).
    pub fn standard(journal: Journal, options: ProjectionOptions) -> Self {
        Self::new(journal, models::all(), options)
    }

    /// Their names.
    pub fn names(&self) -> Vec<&'static str> {
        self.shared.projections.iter().map(|p| p.name()).collect()
    }

    /// Questions to the live read models.
    pub fn queries(&self) -> Queries {
        Queries::new(self.shared.pool().clone())
    }

    /// Makes the tables and views of projections that have none, so that queries find something. [`run`](Self::run)
    /// does it too.
    pub async fn prepare(&self) -> Result<(), ProjectionError> {
        let mut session = self.shared.session("opstella-projections").await?;
        for projection in &self.shared.projections {
            generation::ensure_live(&mut session, projection.as_ref()).await?;
        }
        session.close().await;
        Ok(())
    }

    /// Keeps all of them up to date until cancelled; returns when each has finished its transaction. The trouble of
    /// one is not the trouble of the others.
    pub async fn run(&self, cancel: CancellationToken) {
        // Dropped with this future, and the tasks with it.
        let mut tasks = JoinSet::new();
        for projection in &self.shared.projections {
            let (shared, projection) = (Arc::clone(&self.shared), Arc::clone(projection));
            let cancel = cancel.clone();
            tasks.spawn(async move { runner::run(&shared, projection.as_ref(), &cancel).await });
        }
        let (shared, cancel) = (Arc::clone(&self.shared), cancel.clone());
        tasks.spawn(async move { status::keep_gauges(&shared, &cancel).await });
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a projection's task has ended; restart the process");
            }
        }
    }

    /// Fills a new build beside the live one, from the first event on, and swaps it in when it has caught up. Queries
    /// and commands go on meanwhile. Repairs a projection that has stopped, once the reason is gone.
    pub async fn rebuild(
        &self,
        name: &str,
        progress: impl FnMut(RebuildProgress) + Send,
    ) -> Result<RebuildReport, ProjectionError> {
        let projection = self.shared.find(name)?;
        crate::rebuild::rebuild(&self.shared, projection.as_ref(), progress).await
    }

    /// Lets a projection that has stopped try its event again, here or in the process where it is active.
    pub async fn resume(&self, name: &str) -> Result<(), ProjectionError> {
        let projection = self.shared.find(name)?;
        checkpoint::resume(self.shared.pool(), projection.name()).await?;
        self.shared.hub.of(projection.name()).changed.notify_one();
        Ok(())
    }

    /// Where each stands.
    pub async fn status(&self) -> Result<Vec<ProjectionStatus>, ProjectionError> {
        status::status(&self.shared).await
    }

    /// Returns once the named projections (none named: all) have everything up to `position`: what a command's answer
    /// carries. A projection that has stopped before it is an error at once.
    pub async fn wait_for(
        &self,
        names: &[&str],
        position: Position,
        timeout: Duration,
    ) -> Result<(), ProjectionError> {
        let deadline = Instant::now() + timeout;
        let all = self.names();
        let names = if names.is_empty() { &all } else { names };
        let waits = names
            .iter()
            .map(|name| self.wait_for_one(name, position, deadline));
        futures::future::try_join_all(waits).await?;
        Ok(())
    }

    async fn wait_for_one(
        &self,
        name: &str,
        position: Position,
        deadline: Instant,
    ) -> Result<(), ProjectionError> {
        let name = self.shared.find(name)?.name();
        let progress = self.shared.hub.of(name);
        let mut reached = progress.follow();
        let mut at = Position::START;
        let timed_out = |at| ProjectionError::TimedOut {
            name: name.to_owned(),
            position,
            at,
        };
        let mut interval = self.shared.options.wait_interval;
        while *reached.borrow_and_update() < position {
            // The active runner may be another process's.
            let look = timeout_at(deadline, checkpoint::live(self.shared.pool(), name));
            if let Some(live) = look.await.map_err(|_| timed_out(at))?? {
                at = live.position;
                progress.reached(at);
                if at >= position {
                    return Ok(());
                }
                if live.stopped() {
                    return Err(ProjectionError::Stopped {
                        name: name.to_owned(),
                        at: live.stopped_at.unwrap_or(at),
                        error: live.error.unwrap_or_default(),
                    });
                }
            }
            if Instant::now() >= deadline {
                return Err(timed_out(at));
            }
            let next_look = (Instant::now() + interval).min(deadline);
            interval = (interval * 2).min(LONGEST_WAIT.max(interval));
            tokio::select! {
                _ = timeout_at(next_look, reached.changed()) => {}
                () = sleep_until(next_look) => {}
            }
        }
        Ok(())
    }

    /// The named read models as they were at that instant, by PostgreSQL's clock: rebuilt from the events recorded
    /// until then, into temporary tables that go when the answer is dropped. A question that spans read models needs
    /// all of them (one service: `catalog` and `resources`). One at a time per process, and bounded
    /// by [`replay_timeout`](ProjectionOptions::replay_timeout).
    pub async fn replay_as_of(
        &self,
        names: &[&str],
        instant: DateTime<Utc>,
    ) -> Result<ReplayedModel, ProjectionError> {
        replay::replay_as_of(&self.shared, names, instant).await
    }
}
