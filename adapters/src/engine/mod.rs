//! Executes runs.
//!
//! ```text
//!  journal ──▶ inbox ──look──▶ scheduler ──▶ tool queues ──▶ executor ──▶ adapters
//!                                 ▲  timers                      │
//!                                 └──── outcome (a command) ◀────┘
//! ```
//!
//! One process at a time holds the lease and runs a session; others stand by. What a run may do next is never
//! remembered here beyond memory: it is computed from the run's events, so a process that dies loses nothing. A new
//! session starts the steps that were under way again under the next attempt number; what the old one still reports
//! is refused.

mod backoff;
mod executor;
mod inbox;
mod limits;
mod open_runs;
mod options;
mod order;
mod outcome;
mod queues;
mod scheduler;
mod session;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use opstella_commands::Commands;
use opstella_domain::InstallationId;
use opstella_journal::JournalError;
use thiserror::Error;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use executor::{InProcess, StepExecutor};
pub use limits::{Circuit, ToolLimits};
pub use options::EngineOptions;
pub use order::{Action, StepOrder, StepReport};

use crate::Toolbox;

/// Why the engine does not start.
#[derive(Debug, Clone, Error)]
pub enum EngineError {
    /// The journal cannot be read.
    #[error("the engine cannot read the journal: {0}")]
    Journal(#[from] JournalError),
}

/// The engine of this process.
pub struct Engine {
    stop: CancellationToken,
    active: Arc<AtomicBool>,
    task: JoinHandle<()>,
    limits: limits::Limits,
}

impl Engine {
    /// Starts the engine: it stands by until it gets the lease. What it makes is marked as this installation's.
    pub fn start(
        commands: Commands,
        toolbox: Arc<dyn Toolbox>,
        installation: InstallationId,
        options: EngineOptions,
    ) -> Self {
        let executor = InProcess::new(toolbox, installation, options.step_timeout);
        Self::with_executor(commands, Arc::new(executor), options)
    }

    /// As [`start`](Self::start), with steps carried out elsewhere than by adapters in this process.
    pub fn with_executor(
        commands: Commands,
        executor: Arc<dyn StepExecutor>,
        options: EngineOptions,
    ) -> Self {
        let limits = limits::Limits::new(&options);
        let stop = CancellationToken::new();
        let active = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(session::stand_by(session::Parts {
            commands,
            executor,
            limits: limits.clone(),
            options: Arc::new(options),
            stop: stop.clone(),
            active: Arc::clone(&active),
        }));
        Self {
            stop,
            active,
            task,
            limits,
        }
    }

    /// Whether this process holds the lease and executes runs.
    pub fn active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }

    /// Where the circuit breaker of a connection stands.
    pub fn circuit(&self, connection: &opstella_domain::tool_connection::ConnectionKey) -> Circuit {
        self.limits.circuit(connection)
    }

    /// Stops taking up steps, waits for those under way (each has a timeout), and gives the lease back.
    pub async fn shutdown(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the engine did not stop cleanly");
        }
    }
}
