//! Recording who signed in and out, and who could not.

use opstella_domain::Subject;
use opstella_domain::access::log::AccessCommand;

use super::record;
use crate::{CommandContext, CommandError, Commands};

impl Commands {
    /// Records that somebody signed in; where the context has an idempotency key, once.
    ///
    /// # Errors
    /// [`CommandError::Journal`]; then they are not to be let in.
    pub async fn record_sign_in(
        &self,
        context: &CommandContext,
        subject: Subject,
        client: &str,
    ) -> Result<(), CommandError> {
        let command = AccessCommand::SignIn {
            subject: subject.clone(),
            client: client.to_owned(),
        };
        let once = context.idempotency.as_ref();
        record::append(
            &self.journal,
            &subject,
            &context.metadata("SignIn"),
            &command,
            once,
        )
        .await
    }

    /// Records that somebody signed out, or was signed out; where the context has an idempotency key, once.
    ///
    /// # Errors
    /// [`CommandError::Journal`].
    pub async fn record_sign_out(
        &self,
        context: &CommandContext,
        subject: Subject,
        client: &str,
        reason: &str,
    ) -> Result<(), CommandError> {
        let command = AccessCommand::SignOut {
            subject: subject.clone(),
            client: client.to_owned(),
            reason: reason.to_owned(),
        };
        let once = context.idempotency.as_ref();
        record::append(
            &self.journal,
            &subject,
            &context.metadata("SignOut"),
            &command,
            once,
        )
        .await
    }

    /// Records that somebody could not sign in: in their stream where it is known who, else in that of the actor. Like
    /// denials, nobody waits for it, and what is too much is counted only.
    pub fn record_failed_sign_in(
        &self,
        context: &CommandContext,
        subject: Option<Subject>,
        client: &str,
        reason: &str,
    ) {
        if let Some(denials) = &self.denials {
            denials.record_failed_sign_in(context, subject, client, reason);
        }
    }
}
