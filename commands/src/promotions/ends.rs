//! What the end of a promotion's run means for its environment, in the same append.

use chrono::Utc;
use opstella_domain::promotion::{EnvironmentCommand, EnvironmentKey, RunEnd, ServiceEnvironment};
use opstella_domain::run::{Run, RunStatus};
use opstella_domain::{Decide, DomainError, Environment, ServiceKey, Subject};
use opstella_journal::StreamAppend;

use crate::{CommandError, Commands};

impl Commands {
    /// The environment's part of the end of a run; none where the run promotes nothing.
    pub(crate) async fn end_for_environment(&self, run: &Run) -> Result<Option<StreamAppend>, CommandError> {
        let (Some(id), Some(service), Some(environment)) = (run.id, run.service.clone(), run.environment)
        else {
            return Ok(None);
        };
        let key = EnvironmentKey { service, environment };
        let end = match run.status {
            RunStatus::Succeeded => RunEnd::Succeeded,
            _ => RunEnd::Undone {
                cause: run.cause_text(),
                changed: run.committed(),
                left_behind: !run.left_behind().is_empty(),
            },
        };
        let at = Utc::now();
        let command = || EnvironmentCommand::EndRun {
            run: id,
            end: end.clone(),
            at,
        };
        self.follow_up::<ServiceEnvironment>(&key.to_string(), command)
            .await
    }
}

impl Commands {
    /// What the end of a service means for its environments: one made anew under its name starts with nothing.
    pub(crate) async fn empty_environments(
        &self,
        service: &ServiceKey,
    ) -> Result<Vec<StreamAppend>, CommandError> {
        let mut streams = Vec::new();
        for environment in Environment::all() {
            let key = EnvironmentKey {
                service: service.clone(),
                environment,
            };
            let loaded = self.load::<ServiceEnvironment>(&key.to_string()).await?;
            let events = loaded.state.decide(EnvironmentCommand::Remove {
                by: engine()?,
                at: Utc::now(),
            })?;
            if !events.is_empty() {
                streams.push(StreamAppend::of(&loaded, events)?);
            }
        }
        Ok(streams)
    }

    /// Refuses to end a service while a promotion of it is in flight: somebody counts on it.
    pub(crate) async fn nothing_in_flight(&self, service: &ServiceKey) -> Result<(), CommandError> {
        for environment in Environment::all() {
            let key = EnvironmentKey {
                service: service.clone(),
                environment,
            };
            let loaded = self.load::<ServiceEnvironment>(&key.to_string()).await?;
            let Some(promotion) = &loaded.state.in_flight else {
                continue;
            };
            let accepts = match promotion.run {
                Some(_) => vec!["CancelRun (of the promotion's run)"],
                None => vec!["CancelPromotion", "Reject"],
            };
            return Err(DomainError::WrongState {
                kind: "service",
                id: service.to_string(),
                state: format!("busy with promotion {} into {environment}", promotion.id),
                command: "DecommissionService",
                accepts,
            }
            .into());
        }
        Ok(())
    }
}

/// Who ends what the end of a service ends.
fn engine() -> Result<Subject, CommandError> {
    "system:engine"
        .parse()
        .map_err(|cause| CommandError::Value { field: "by", cause })
}
