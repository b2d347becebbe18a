//! Runs: what operators ask of them, and what the engine reports.

use std::sync::Arc;

use opstella_domain::plan::{SagaKind, StepId};
use opstella_domain::run::{Run, RunCommand, RunStatus};
use opstella_domain::service::{Service, ServiceCommand};
use opstella_domain::{Decide, DomainError, RunId, Tool};
use opstella_journal::{Append, Loaded, StreamAppend};

use crate::anew::{anew, depends_on_state};
use crate::unit::Decision;
use crate::{Accepted, CommandContext, CommandError, Commands};

impl Commands {
    /// `RetryStep`: tries a stuck or waiting step again, now.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn retry_step(
        &self,
        context: &CommandContext,
        run: RunId,
        step: StepId,
    ) -> Result<Accepted, CommandError> {
        self.operate(context, run, RunCommand::RetryStep { step }).await
    }

    /// `SkipStep`: goes on as if the step, or its compensation, were done.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn skip_step(
        &self,
        context: &CommandContext,
        run: RunId,
        step: StepId,
        reason: String,
    ) -> Result<Accepted, CommandError> {
        self.operate(context, run, RunCommand::SkipStep { step, reason })
            .await
    }

    /// `CancelRun`: unmakes what was made.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn cancel_run(
        &self,
        context: &CommandContext,
        run: RunId,
        reason: String,
    ) -> Result<Accepted, CommandError> {
        self.operate(context, run, RunCommand::Cancel { reason }).await
    }

    /// `AbandonRun`: ends a stuck run as it is.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn abandon_run(
        &self,
        context: &CommandContext,
        run: RunId,
        reason: String,
    ) -> Result<Accepted, CommandError> {
        self.operate(context, run, RunCommand::Abandon { reason }).await
    }

    async fn operate(
        &self,
        context: &CommandContext,
        run: RunId,
        command: RunCommand,
    ) -> Result<Accepted, CommandError> {
        let name = command.name();
        let loaded = self.load_run(run).await?;
        let project = loaded.state.service.as_ref().map(|s| s.project.clone());
        let command = &command;
        let decide = || async move {
            let loaded = self.load_run(run).await?;
            if let Some(expected) = context.expected_version.filter(|v| *v != loaded.version) {
                return Err(CommandError::VersionMismatch {
                    id: run.to_string(),
                    expected,
                    actual: loaded.version,
                });
            }
            let streams = self.run_streams(&loaded, command.clone()).await?;
            let version = streams
                .first()
                .map_or(loaded.version, StreamAppend::version_after);
            let answer = Accepted::new(format!("/runs/{run}"), version).with_run(run);
            Ok(Decision { streams, answer })
        };
        let result = self.carry_out(name, context, project.as_ref(), decide).await;
        result.map_err(|error| hide(error, run))
    }

    /// Has the steps of a run that wait for a tool look at it now: the tool said that something happened. Whether one
    /// waited for it.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn look_again(
        &self,
        context: &CommandContext,
        run: RunId,
        tool: Tool,
    ) -> Result<bool, CommandError> {
        let command = RunCommand::LookAgain { tool };
        let waits = !self
            .load_run(run)
            .await?
            .state
            .decide(command.clone())?
            .is_empty();
        if waits {
            self.advance_run(context, run, command).await?;
        }
        Ok(waits)
    }

    /// Carries out a command of the engine on a run, decided anew where an operator was faster, and returns the
    /// run as it is then.
    ///
    /// # Errors
    /// [`CommandError`]; a stale attempt is [`opstella_domain::DomainError::StaleAttempt`].
    pub async fn advance_run(
        &self,
        context: &CommandContext,
        run: RunId,
        command: RunCommand,
    ) -> Result<Arc<Run>, CommandError> {
        match self.advance(context, run, &command).await {
            Err(error) if depends_on_state(&error) => anew(self.advance(context, run, &command)).await,
            done => done,
        }
    }

    async fn advance(
        &self,
        context: &CommandContext,
        run: RunId,
        command: &RunCommand,
    ) -> Result<Arc<Run>, CommandError> {
        const TRIES: u32 = 10;
        let mut tries = 1;
        loop {
            let loaded = self.load_run(run).await?;
            let streams = self.run_streams(&loaded, command.clone()).await?;
            match self
                .journal
                .append(Append::new(context.metadata(command.name()), streams))
                .await
            {
                Ok(_) => return Ok(self.load_run(run).await?.state),
                Err(opstella_journal::JournalError::Conflict { .. }) if tries < TRIES => tries += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The run as it is.
    ///
    /// # Errors
    /// [`CommandError`]; `NotFound` where there is no such run.
    pub async fn load_run(&self, run: RunId) -> Result<Loaded<Run>, CommandError> {
        let mut loaded = self.load::<Run>(&run.to_string()).await?;
        if loaded.version == 0 {
            loaded.state = Arc::new(Run {
                id: Some(run),
                ..Run::default()
            });
        }
        if loaded.state.status == RunStatus::Unknown {
            let id = run.to_string();
            return Err(DomainError::NotFound { kind: "run", id }.into());
        }
        Ok(loaded)
    }

    /// What a command does to the run and, where it ends the run, to the service: stored together.
    async fn run_streams(
        &self,
        loaded: &Loaded<Run>,
        command: RunCommand,
    ) -> Result<Vec<StreamAppend>, CommandError> {
        let mut events = Vec::new();
        if let Some(reason) = self.closed_meanwhile(&loaded.state, &command).await? {
            let mut state = (*loaded.state).clone();
            events = state.decide(RunCommand::Cancel { reason })?;
            events.iter().cloned().for_each(|event| state.evolve(event));
            events.extend(state.decide(command)?);
        } else {
            events.extend(loaded.state.decide(command)?);
        }
        let ends = events.last().is_some_and(is_end);
        let mut after = ends.then(|| (*loaded.state).clone());
        if let Some(after) = &mut after {
            events.iter().cloned().for_each(|event| after.evolve(event));
        }
        let mut streams = vec![StreamAppend::of(loaded, events)?];
        if let Some(after) = after {
            streams.extend(match after.saga {
                Some(SagaKind::Promote) => Vec::from_iter(self.end_for_environment(&after).await?),
                _ => self.end_for_service(&after).await?,
            });
        }
        Ok(streams)
    }

    /// The service's part of the end of a run; with a service that is gone, its environments are emptied.
    async fn end_for_service(&self, run: &Run) -> Result<Vec<StreamAppend>, CommandError> {
        let (Some(id), Some(key)) = (run.id, &run.service) else {
            return Ok(vec![]);
        };
        // What a provisioned service has is no leftover.
        let succeeded = run.status == RunStatus::Succeeded;
        let removes = run.saga.is_some_and(SagaKind::removes);
        let left_behind = (removes || !succeeded) && !run.left_behind().is_empty();
        let command = || {
            if succeeded {
                ServiceCommand::RunSucceeded { run: id, left_behind }
            } else {
                ServiceCommand::RunEnded {
                    run: id,
                    cause: run.cause_text(),
                    left_behind,
                }
            }
        };
        let mut streams = Vec::from_iter(self.follow_up::<Service>(&key.to_string(), command).await?);
        if removes && succeeded && !streams.is_empty() {
            streams.extend(self.empty_environments(key).await?);
        }
        Ok(streams)
    }
}

/// Who may not know the project is told that there is no such run: not even the project's name gets out.
fn hide(error: CommandError, run: RunId) -> CommandError {
    match &error {
        CommandError::Domain(cause) if matches!(**cause, DomainError::NotFound { kind: "project", .. }) => {
            let id = run.to_string();
            DomainError::NotFound { kind: "run", id }.into()
        }
        _ => error,
    }
}

fn is_end(event: &opstella_domain::run::RunEvent) -> bool {
    use opstella_domain::run::RunEvent;
    matches!(
        event,
        RunEvent::RunSucceeded { .. }
            | RunEvent::RunFailed { .. }
            | RunEvent::RunCancelled { .. }
            | RunEvent::RunAbandoned { .. }
    )
}
