//! Why a session ended, and by whom: what the event will say, kept with the session until it is stored.

use opstella_commands::CommandContext;
use opstella_journal::Actor;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::finish::NOBODY;
use super::store::Ended;

/// Why a session ended, and by whom.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Ending {
    pub reason: String,
    actor: Actor,
    correlation: String,
    traceparent: Option<String>,
}

impl Ending {
    /// An end that a request leads to. Where the context is nobody's, it is the session's own user's.
    pub fn asked(context: &CommandContext, reason: &str) -> Self {
        Self {
            reason: reason.to_owned(),
            actor: context.actor.clone(),
            correlation: context.correlation.clone(),
            traceparent: context.traceparent.clone(),
        }
    }

    /// An end that nobody asks for.
    pub fn by_itself(reason: &str) -> Self {
        Self::asked(
            &CommandContext::system("sessions", Uuid::now_v7().to_string()),
            reason,
        )
    }
}

impl Ended {
    /// The context in which the end is recorded, once.
    pub fn context(&self) -> CommandContext {
        let mut actor = self.ending.actor.clone();
        if actor.subject == NOBODY {
            actor.subject.clone_from(&self.subject);
        }
        let context = CommandContext {
            actor,
            correlation: self.ending.correlation.clone(),
            traceparent: self.ending.traceparent.clone(),
            ..CommandContext::default()
        };
        context.once(format!("session-ended-{}", hex::encode(&self.id)))
    }
}
