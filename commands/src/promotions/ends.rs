//! What the end of a promotion's run means for its environment, in the same append.

use chrono::Utc;
use opstella_domain::promotion::{EnvironmentCommand, EnvironmentKey, RunEnd, ServiceEnvironment};
use opstella_domain::run::{Run, RunStatus};
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
                changed: changed(run),
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

/// Whether a commit was made: from then on the environment was on its way to the release.
fn changed(run: &Run) -> bool {
    run.completed
        .iter()
        .any(|step| step.as_str().starts_with("gitlab.image/"))
}
