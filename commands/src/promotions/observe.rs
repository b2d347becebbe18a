//! What was seen in Argo CD, told to the environment.

use std::collections::BTreeMap;

use chrono::Utc;
use opstella_domain::ComponentName;
use opstella_domain::promotion::{EnvironmentCommand, EnvironmentKey, Health, ServiceEnvironment};

use crate::catalog::decide_one;
use crate::{CommandContext, CommandError, Commands};

impl Commands {
    /// Tells an environment what runs in it: drift and health are recorded where they changed.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn observe_environment(
        &self,
        context: &CommandContext,
        key: &EnvironmentKey,
        found: &BTreeMap<ComponentName, (String, bool)>,
        health: Health,
    ) -> Result<(), CommandError> {
        let decide = || async move {
            let environment = self.load::<ServiceEnvironment>(&key.to_string()).await?;
            let command = EnvironmentCommand::Observe {
                found: found.clone(),
                health,
                at: Utc::now(),
            };
            let resource = format!(
                "/projects/{}/services/{}",
                key.service.project, key.service.service
            );
            decide_one(&environment, command, resource)
        };
        self.carry_out("ObserveEnvironment", context, Some(&key.service.project), decide)
            .await?;
        Ok(())
    }
}
