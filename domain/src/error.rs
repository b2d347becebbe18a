//! Why a value or a command was refused.

use thiserror::Error;

/// A value that breaks a rule of its type. The value itself is shown shortened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what} `{value}` is not valid: {rule}")]
pub struct InvalidValue {
    /// What was being parsed, as people call it: `service name`.
    pub what: &'static str,
    /// The offending value, at most 80 characters of it.
    pub value: String,
    /// The broken rule with its limit.
    pub rule: String,
}

impl InvalidValue {
    /// Names the rule that `value` breaks.
    pub fn new(what: &'static str, value: &str, rule: impl Into<String>) -> Self {
        Self {
            what,
            value: value.chars().take(80).collect(),
            rule: rule.into(),
        }
    }
}

/// Why an aggregate refused a command. Every variant says what to do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DomainError {
    /// The natural key is taken.
    #[error("{kind} `{id}` exists already; choose another name or use the existing one")]
    AlreadyExists {
        /// Aggregate kind: `project`.
        kind: &'static str,
        /// Its natural key.
        id: String,
    },
    /// Nothing of that name.
    #[error("{kind} `{id}` does not exist; check its name, or create it first")]
    NotFound {
        /// Aggregate kind.
        kind: &'static str,
        /// The key that was asked for.
        id: String,
    },
    /// The command does not fit the state.
    #[error("{kind} `{id}` is {state} and does not take {command}; it takes: {}", accepts_text(.accepts))]
    WrongState {
        /// Aggregate kind.
        kind: &'static str,
        /// Its natural key.
        id: String,
        /// The state it is in.
        state: String,
        /// The refused command.
        command: &'static str,
        /// The commands that it takes in this state.
        accepts: Vec<&'static str>,
    },
    /// A field of the command breaks a rule that only the aggregate knows.
    #[error("{field}: {rule}")]
    Invalid {
        /// JSON path of the field.
        field: String,
        /// The rule, its limit, and what to do.
        rule: String,
    },
    /// An outcome of an attempt that is no longer the current one.
    #[error(
        "step `{step}` of run {run}: attempt {attempt} is stale, the current one is {current}; the outcome is dropped"
    )]
    StaleAttempt {
        /// The run.
        run: String,
        /// The step.
        step: String,
        /// The attempt that reported.
        attempt: u32,
        /// The attempt that counts.
        current: u32,
    },
}

/// The fields that stand for whoever sends the command.
const OF_DUTY: [&str; 2] = ["approver", "confirmer"];

impl DomainError {
    /// Whether separation of duty refused whoever sent the command: they asked for it themselves, or wrote it.
    pub fn is_of_duty(&self) -> bool {
        matches!(self, Self::Invalid { field, .. } if OF_DUTY.contains(&field.as_str()))
    }

    /// A rule broken by one field.
    pub fn invalid(field: impl Into<String>, rule: impl Into<String>) -> Self {
        Self::Invalid {
            field: field.into(),
            rule: rule.into(),
        }
    }
}

fn accepts_text(accepts: &[&'static str]) -> String {
    if accepts.is_empty() {
        "nothing in this state".to_owned()
    } else {
        accepts.join(", ")
    }
}
