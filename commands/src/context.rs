//! Who sends a command, why, and under which idempotency key.

use std::sync::Arc;

use opstella_domain::Subject;
use opstella_domain::access::Grants;
use opstella_journal::{Actor, EventMetadata};

use crate::CommandError;

/// A key that makes a repeated request get the first answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// As the client chose it.
    pub key: String,
    /// Hash of the request: the same key with another request is refused.
    pub fingerprint: String,
}

/// Everything about a command but the command.
#[derive(Debug, Clone, Default)]
pub struct CommandContext {
    /// Who.
    pub actor: Actor,
    /// The roles that they bring along; nobody's, unless said.
    pub grants: Arc<Grants>,
    /// Shared by everything that one request leads to.
    pub correlation: String,
    /// What led to this directly.
    pub causation: Option<String>,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// Why, in the words of who sends it.
    pub reason: Option<String>,
    /// Under which key.
    pub idempotency: Option<IdempotencyKey>,
    /// The version that the aggregate must have (`If-Match`).
    pub expected_version: Option<u64>,
}

impl CommandContext {
    /// The context of a part of Opstella that acts by itself, such as `system:engine`.
    pub fn system(part: &str, correlation: impl Into<String>) -> Self {
        Self {
            actor: Actor::new(format!("system:{part}")),
            grants: Arc::new(Grants::internal()),
            correlation: correlation.into(),
            ..Self::default()
        }
    }

    /// The same, of what is to happen once under this key.
    #[must_use]
    pub fn once(self, key: String) -> Self {
        let fingerprint = key.clone();
        Self {
            idempotency: Some(IdempotencyKey { key, fingerprint }),
            ..self
        }
    }

    /// Who sends the command, as events name people.
    ///
    /// # Errors
    /// [`CommandError::Value`] where the subject is none.
    pub fn caller(&self) -> Result<Subject, CommandError> {
        let subject = self.actor.subject.parse();
        subject.map_err(|cause| CommandError::Value {
            field: "Authorization",
            cause,
        })
    }

    pub(crate) fn metadata(&self, command: &str) -> EventMetadata {
        EventMetadata {
            actor: self.actor.clone(),
            command: command.to_owned(),
            correlation: self.correlation.clone(),
            causation: self.causation.clone(),
            traceparent: self.traceparent.clone(),
            reason: self.reason.clone(),
            ..EventMetadata::default()
        }
    }
}
