//! Policies.

use opstella_domain::DomainError;
use opstella_domain::policy::{Policy, PolicyCommand, PolicyKey, PolicyRules};

use crate::catalog::decide_one;
use crate::{Accepted, CommandContext, CommandError, Commands};

impl Commands {
    /// `SetPolicy`: other rules hold for an environment, of all projects or of one.
    ///
    /// # Errors
    /// [`CommandError`]; `Invalid` where a project's rules are looser than the platform's.
    pub async fn set_policy(
        &self,
        context: &CommandContext,
        key: PolicyKey,
        rules: PolicyRules,
    ) -> Result<Accepted, CommandError> {
        if !rules.custom.is_empty() {
            // Such a gate would stay closed for ever.
            let rule = "gates written in Rego are not evaluated by this version: leave them out";
            return Err(DomainError::invalid("rules.custom", rule).into());
        }
        let (key, rules) = (&key, &rules);
        let decide = || async move {
            let loaded = self.load_expected::<Policy>(&key.to_string(), context).await?;
            let base = match key.project {
                None => None,
                Some(_) => {
                    let platform = PolicyKey {
                        project: None,
                        ..key.clone()
                    };
                    let platform = self.load::<Policy>(&platform.to_string()).await?;
                    Some(Box::new(platform.state.rules_for(key.environment)))
                }
            };
            let command = PolicyCommand::Set {
                key: key.clone(),
                rules: Box::new(rules.clone()),
                base,
            };
            let resource = match &key.project {
                Some(project) => format!("/projects/{project}/policies/{}", key.environment),
                None => format!("/policies/{}", key.environment),
            };
            decide_one(&loaded, command, resource)
        };
        let name = match key.project {
            Some(_) => "SetProjectPolicy",
            None => "SetPolicy",
        };
        self.carry_out(name, context, key.project.as_ref(), decide).await
    }

    /// A policy as it is.
    ///
    /// # Errors
    /// [`CommandError::Journal`].
    pub async fn policy(&self, key: &PolicyKey) -> Result<Policy, CommandError> {
        Ok((*self.load::<Policy>(&key.to_string()).await?.state).clone())
    }
}
