//! The policy aggregate: the rules of an environment, or of a project's, by version.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PolicyKey, PolicyRules};
use crate::decide::aggregate;
use crate::{Decide, DomainError};

/// What can be asked of a policy.
#[derive(Debug, Clone)]
pub enum PolicyCommand {
    /// `SetPolicy`. The same rules again change nothing.
    Set {
        /// Which.
        key: PolicyKey,
        /// The rules that hold from now on.
        rules: Box<PolicyRules>,
        /// Of a project's policy: the rules that hold for all projects; those that come along where nobody has set others.
        base: Option<Box<PolicyRules>>,
    },
}

/// What happened to a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
pub enum PolicyEvent {
    /// Other rules hold from here on.
    PolicySet {
        /// Which.
        key: PolicyKey,
        /// 1 for the first.
        version: u32,
        /// The rules.
        rules: Box<PolicyRules>,
    },
}

/// The aggregate; its stream's id is the key.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Policy {
    /// 0 where nobody has set it.
    pub version: u32,
    /// The rules, where somebody has set them.
    pub rules: Option<Box<PolicyRules>>,
}

impl Policy {
    /// The rules that hold for an environment: the platform's, and where it has its own, the project's.
    pub fn effective(environment: crate::Environment, platform: &Self, project: &Self) -> PolicyRules {
        let base = platform.rules_for(environment);
        match &project.rules {
            Some(rules) => base.strictest(rules),
            None => base,
        }
    }

    /// What of them counts for a rollback: what each of both policies asks for.
    pub fn effective_for_rollback(
        environment: crate::Environment,
        platform: &Self,
        project: &Self,
    ) -> PolicyRules {
        let base = platform.rules_for(environment).for_rollback();
        match &project.rules {
            Some(rules) => base.strictest(&rules.for_rollback()),
            None => base,
        }
    }

    /// The rules of the platform's policy: those that come along where nobody has set others.
    pub fn rules_for(&self, environment: crate::Environment) -> PolicyRules {
        self.rules
            .as_deref()
            .cloned()
            .unwrap_or_else(|| PolicyRules::default_for(environment))
    }
}

impl Decide for Policy {
    const TYPE: &'static str = "Policy";
    type Command = PolicyCommand;
    type Event = PolicyEvent;

    fn decide(&self, command: PolicyCommand) -> Result<Vec<PolicyEvent>, DomainError> {
        let PolicyCommand::Set { key, rules, base } = command;
        rules.check()?;
        if key.project.is_some() {
            let base = base.unwrap_or_else(|| Box::new(PolicyRules::default_for(key.environment)));
            let looser = rules.looser_than(&base);
            if !looser.is_empty() {
                let rule = format!(
                    "a project's policy is at least as strict as the platform's; looser are: {}",
                    looser.join(", ")
                );
                return Err(DomainError::invalid("rules", rule));
            }
        }
        if self.rules.as_ref() == Some(&rules) {
            return Ok(vec![]);
        }
        Ok(vec![PolicyEvent::PolicySet {
            key,
            version: self.version + 1,
            rules,
        }])
    }

    fn evolve(&mut self, event: PolicyEvent) {
        let PolicyEvent::PolicySet { version, rules, .. } = event;
        self.version = version;
        self.rules = Some(rules);
    }
}

aggregate!(Policy, PolicyEvent);
