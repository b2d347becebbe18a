//! Why the provider did not give what was asked for.

use openidconnect::{ClaimsVerificationError, RequestTokenError, SignatureVerificationError};
use thiserror::Error;

use super::types::ErrorResponse;
use crate::signin::http_client::HttpError;

/// Why the provider did not give what was asked for.
#[derive(Debug, Error)]
pub(in crate::signin) enum ProviderError {
    #[error("the provider cannot be reached: {0}")]
    Unreachable(String),
    #[error("the provider refused: {error}: {description}")]
    Refused { error: String, description: String },
    #[error("the provider names no token endpoint")]
    NoTokenEndpoint,
    #[error("the provider gave no ID token: `oidc.scopes` must contain openid")]
    NoIdToken,
    #[error("there is no refresh token")]
    NoRefreshToken,
    #[error("the ID token is not taken: {0}")]
    IdToken(ClaimsVerificationError),
    #[error("the ID token belongs to another access token")]
    AccessTokenHash,
    #[error("the provider does not answer in time")]
    TooLate,
}

impl ProviderError {
    /// Whether it may go well a moment later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::TooLate => true,
            Self::Refused { error, .. } => {
                matches!(error.as_str(), "server_error" | "temporarily_unavailable")
            }
            _ => false,
        }
    }

    /// Whether a key is missing to tell: the provider has new ones, or they could not be read.
    pub fn is_unknown_key(&self) -> bool {
        use ClaimsVerificationError::SignatureVerification;
        matches!(
            self,
            Self::IdToken(SignatureVerification(SignatureVerificationError::NoMatchingKey))
        )
    }

    /// Whether the provider said that the grant is no longer good.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Refused { error, .. } if error == "invalid_grant")
    }
}

/// What a failed request to the token endpoint means.
pub(super) fn refused(error: RequestTokenError<HttpError, ErrorResponse>) -> ProviderError {
    match error {
        RequestTokenError::ServerResponse(answer) => ProviderError::Refused {
            error: answer.error().to_string(),
            description: answer.error_description().cloned().unwrap_or_default(),
        },
        RequestTokenError::Request(error) => ProviderError::Unreachable(error.to_string()),
        // What was not understood may hold a token: it is not shown.
        RequestTokenError::Parse(..) => ProviderError::Unreachable("its answer is not understood".to_owned()),
        RequestTokenError::Other(text) => ProviderError::Unreachable(text),
    }
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
