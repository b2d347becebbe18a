//! What was seen in Argo CD, told to the environment.

use std::collections::BTreeMap;

use chrono::Utc;
use opstella_domain::promotion::{EnvironmentCommand, EnvironmentKey, Health, ServiceEnvironment};

use opstella_domain::{ComponentName, Decide};
use opstella_journal::StreamAppend;

use crate::unit::Decision;
use crate::{Accepted, CommandContext, CommandError, Commands};

/// What was seen of an environment.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The environment's version before it was looked at.
    pub version: u64,
    /// The image of each component that was looked at, and whether it is the one that should run.
    pub found: BTreeMap<ComponentName, (String, bool)>,
    /// How all of them are; none where that cannot be told.
    pub health: Option<Health>,
}

impl Commands {
    /// Tells an environment what runs in it: drift and health are recorded where they changed. Where something happened
    /// to the environment since the look began, what was seen says nothing: it may be what a deployment passed through.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn observe_environment(
        &self,
        context: &CommandContext,
        key: &EnvironmentKey,
        seen: &Seen,
    ) -> Result<(), CommandError> {
        let decide = || async move {
            let environment = self.load::<ServiceEnvironment>(&key.to_string()).await?;
            let events = if environment.version == seen.version {
                environment.state.decide(EnvironmentCommand::Observe {
                    found: seen.found.clone(),
                    health: seen.health,
                    at: Utc::now(),
                })?
            } else {
                vec![]
            };
            let stream = StreamAppend::of(&environment, events)?;
            let resource = format!(
                "/projects/{}/services/{}",
                key.service.project, key.service.service
            );
            let answer = Accepted::new(resource, stream.version_after());
            Ok(Decision {
                streams: vec![stream],
                answer,
            })
        };
        self.carry_out("ObserveEnvironment", context, Some(&key.service.project), decide)
            .await?;
        Ok(())
    }
}
