//! Why somebody is not signed in.

use opstella_commands::CommandError;
use opstella_journal::JournalError;
use thiserror::Error;

use super::provider::ProviderError;
use crate::auth::Refused;
use crate::problem::{Problem, ProblemKind, internal};

const SHOWN: usize = 300;

/// Why somebody is not signed in, or no longer.
#[derive(Debug, Error)]
pub enum SignInError {
    /// Not begun here, by another browser, more than ten minutes ago, or finished already.
    #[error("this sign-in was not begun by this browser, is too old, or is finished already")]
    UnknownState,
    /// The browser came back with less than it takes.
    #[error("the provider sent the browser back without a code")]
    NoCode,
    /// Another provider answered (RFC 9207).
    #[error("another provider answered than the one that was asked")]
    WrongIssuer,
    /// The provider said no.
    #[error("the provider refused: {0}")]
    Refused(String),
    /// The provider did not give what was asked for.
    #[error(transparent)]
    Provider(#[from] Provided),
    /// The access token is none that the API takes.
    #[error("the provider gave an access token that is not taken: {0}")]
    AccessToken(Refused),
    /// The provider ended the session before it had begun here.
    #[error("the provider ended the session meanwhile")]
    EndedMeanwhile,
    /// The tokens are not of one person.
    #[error("the provider gave tokens of different subjects")]
    OtherSubject,
    /// The session has ended.
    #[error("the session has ended")]
    Ended,
    /// The session cannot be read here, perhaps elsewhere.
    #[error("the session was sealed with another session.key")]
    Unopened,
    /// The session's tokens cannot be renewed now.
    #[error("the session cannot be renewed now: the provider is away")]
    Later,
    /// A request that changes something may come from another site.
    #[error("{0}")]
    CrossSite(&'static str),
    /// A logout token is not taken.
    #[error("the logout token is not taken: {0}")]
    LogoutToken(String),
    /// The database.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// The record of it.
    #[error(transparent)]
    Record(#[from] CommandError),
    /// Something of ours.
    #[error("{0}")]
    Internal(&'static str),
}

/// What the provider did instead.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct Provided(pub(super) ProviderError);

impl From<ProviderError> for SignInError {
    fn from(error: ProviderError) -> Self {
        Self::Provider(Provided(error))
    }
}

impl SignInError {
    /// Whether it has to do with who signs in, rather than with what is away.
    pub(super) fn is_refusal(&self) -> bool {
        match self {
            Self::Provider(Provided(error)) => !error.is_transient(),
            Self::AccessToken(refused) => !matches!(refused, Refused::NoKeys),
            Self::Later | Self::Database(_) | Self::Record(_) | Self::Internal(_) => false,
            _ => true,
        }
    }
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        let text: String = error.to_string().chars().take(SHOWN).collect();
        let failed = |text| Self::new(ProblemKind::SignInFailed, text).hint("begin again at /auth/login");
        let away = |text| Self::new(ProblemKind::Unavailable, text).header("Retry-After", "5");
        match error {
            SignInError::Provider(Provided(error)) if error.is_transient() => {
                tracing::warn!(%error, "signing in");
                away("the OpenID provider is away; try again in a moment".to_owned())
            }
            SignInError::AccessToken(Refused::NoKeys) => Refused::NoKeys.into(),
            SignInError::AccessToken(_) | SignInError::Provider(_) => {
                tracing::warn!(error = text, "signing in");
                failed(text)
            }
            SignInError::UnknownState
            | SignInError::NoCode
            | SignInError::WrongIssuer
            | SignInError::Refused(_)
            | SignInError::EndedMeanwhile
            | SignInError::OtherSubject => failed(text),
            SignInError::Later => away(text),
            SignInError::Ended | SignInError::Unopened => Refused::Session.into(),
            SignInError::CrossSite(_) => Self::new(ProblemKind::CrossSite, text)
                .hint("send the csrf_token of GET /auth/session as X-CSRF-Token, from a page of this site"),
            SignInError::LogoutToken(_) => Self::new(ProblemKind::InvalidLogoutToken, text),
            SignInError::Database(error) => JournalError::from(error).into(),
            SignInError::Record(error) => error.into(),
            SignInError::Internal(_) => internal(text),
        }
    }
}
