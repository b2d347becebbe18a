//! What an auditor sees of access: who signed in and out, and who was refused what. One stream a subject.
//!
//! When, from which address and by which client is in the metadata of each event.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::decide::aggregate;
use crate::{Decide, DomainError, ProjectSlug, Subject};

/// Longest reason, in characters; what is longer is cut.
const LONGEST_REASON: usize = 500;

/// What there is to record.
#[derive(Debug, Clone)]
pub enum AccessCommand {
    /// Somebody was refused.
    Deny {
        /// What was asked: the operation of the API.
        operation: String,
        /// In which project.
        project: Option<ProjectSlug>,
        /// Whether the answer was that it does not exist.
        hidden: bool,
    },
    /// Somebody signed in.
    SignIn {
        /// Who.
        subject: Subject,
        /// With which client.
        client: String,
    },
    /// Somebody could not sign in.
    FailSignIn {
        /// With which client.
        client: String,
        /// Why not.
        reason: String,
    },
    /// Somebody signed out, or was signed out.
    SignOut {
        /// Who.
        subject: Subject,
        /// With which client.
        client: String,
        /// Why: by themselves, by the provider, after a time.
        reason: String,
    },
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
pub enum AccessEvent {
    /// The subject asked for something that it may not do.
    AccessDenied {
        /// What was asked: the operation of the API.
        operation: String,
        /// In which project. It need not exist.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        project: Option<ProjectSlug>,
        /// Whether the answer was that it does not exist.
        hidden: bool,
    },
    /// The subject signed in.
    SignedIn {
        /// Who.
        subject: Subject,
        /// With which client.
        client: String,
    },
    /// Signing in failed. The stream is the subject's where it is known.
    SignInFailed {
        /// With which client.
        client: String,
        /// Why.
        reason: String,
    },
    /// The subject signed out, or was signed out.
    SignedOut {
        /// Who.
        subject: Subject,
        /// With which client.
        client: String,
        /// Why.
        reason: String,
    },
}

/// The aggregate; its stream's id is the subject. It decides nothing: everything that it is told has happened.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Access {
    /// How often the subject was refused.
    pub denials: u64,
}

impl Decide for Access {
    const TYPE: &'static str = "Access";
    type Command = AccessCommand;
    type Event = AccessEvent;

    fn decide(&self, command: AccessCommand) -> Result<Vec<AccessEvent>, DomainError> {
        Ok(vec![match command {
            AccessCommand::Deny {
                operation,
                project,
                hidden,
            } => AccessEvent::AccessDenied {
                operation: short(operation),
                project,
                hidden,
            },
            AccessCommand::SignIn { subject, client } => AccessEvent::SignedIn {
                subject,
                client: short(client),
            },
            AccessCommand::FailSignIn { client, reason } => AccessEvent::SignInFailed {
                client: short(client),
                reason: short(reason),
            },
            AccessCommand::SignOut {
                subject,
                client,
                reason,
            } => AccessEvent::SignedOut {
                subject,
                client: short(client),
                reason: short(reason),
            },
        }])
    }

    fn evolve(&mut self, event: AccessEvent) {
        if matches!(event, AccessEvent::AccessDenied { .. }) {
            self.denials += 1;
        }
    }
}

aggregate!(Access, AccessEvent);

fn short(text: String) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(LONGEST_REASON)
        .collect()
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::TestFramework;

    use super::*;

    #[test]
    fn a_denial_is_recorded_every_time() {
        let denied = || AccessEvent::AccessDenied {
            operation: "CreateService".into(),
            project: Some("payments".parse().unwrap()),
            hidden: false,
        };
        let deny = AccessCommand::Deny {
            operation: "CreateService".into(),
            project: Some("payments".parse().unwrap()),
            hidden: false,
        };
        TestFramework::<Access>::with(())
            .given(vec![denied()])
            .when(deny)
            .then_expect_events(vec![denied()]);
    }

    #[test]
    fn reasons_are_short_and_printable() {
        let events = Access::default().decide(AccessCommand::FailSignIn {
            client: "portal".into(),
            reason: format!("a\nb{}", "x".repeat(1000)),
        });
        let Ok([AccessEvent::SignInFailed { reason, .. }]) = events.as_deref() else {
            panic!("{events:?}")
        };
        assert!(reason.starts_with("abx"));
        assert_eq!(reason.chars().count(), LONGEST_REASON);
    }
}
