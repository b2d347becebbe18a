//! Policies.

use opstella_domain::DomainError;
use opstella_domain::policy::{Policy, PolicyCommand, PolicyKey, PolicyRules};

use crate::catalog::decide_one;
use crate::gate::{Answer, Question};
use crate::promotions::fault;
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
        let (key, rules) = (&key, &rules);
        let decide = || async move {
            self.check_custom(rules).await?;
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

    /// Whether the modules of custom gates compile.
    async fn check_custom(&self, rules: &PolicyRules) -> Result<(), CommandError> {
        if rules.custom.is_empty() {
            return Ok(());
        }
        rules.check()?;
        let unavailable = |why: String| CommandError::Unavailable {
            what: format!("custom gates cannot be checked: {why}"),
            remedy: "send it again in a moment; a platform admin looks at gates.program and into the server's log",
        };
        let program = self
            .gates
            .as_ref()
            .ok_or_else(|| unavailable("this process has no program for them".to_owned()))?;
        for (index, gate) in rules.custom.iter().enumerate() {
            let question = Question {
                rego: gate.rego.clone(),
                input: None,
            };
            match program.ask(&question).await {
                Ok(Answer::Compiles) => {}
                Ok(answer) => {
                    return Err(DomainError::invalid(format!("custom[{index}].rego"), fault(&answer)).into());
                }
                Err(why) => return Err(unavailable(why.to_string())),
            }
        }
        Ok(())
    }

    /// A policy as it is.
    ///
    /// # Errors
    /// [`CommandError::Journal`].
    pub async fn policy(&self, key: &PolicyKey) -> Result<Policy, CommandError> {
        Ok((*self.load::<Policy>(&key.to_string()).await?.state).clone())
    }
}
