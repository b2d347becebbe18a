//! The types of `openidconnect`, with the one claim more that is read, and what is kept of them.

use std::time::Duration;

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreRevocableToken,
    CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, ClaimsVerificationError, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet,
    EndpointSet, IdTokenFields, OAuth2TokenResponse, RequestTokenError, StandardErrorResponse,
    StandardTokenResponse,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::signin::http_client::HttpError;

/// The claim that back-channel logout comes back to.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(in crate::signin) struct SidClaim {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
}

impl AdditionalClaims for SidClaim {}

pub(super) type IdToken = openidconnect::IdToken<
    SidClaim,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
pub(super) type IdTokenClaims = openidconnect::IdTokenClaims<SidClaim, CoreGenderClaim>;
type Fields = IdTokenFields<
    SidClaim,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type Response = StandardTokenResponse<Fields, CoreTokenType>;
type ErrorResponse = StandardErrorResponse<CoreErrorResponseType>;
pub(super) type Client = openidconnect::Client<
    SidClaim,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    ErrorResponse,
    Response,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// The tokens of a session. Never in a log.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::signin) struct Tokens {
    pub access: String,
    pub refresh: Option<String>,
    pub id: Option<String>,
}

/// What the provider granted.
pub(in crate::signin) struct Granted {
    pub tokens: Tokens,
    pub expires_in: Option<Duration>,
    /// Of the ID token, where there is one.
    pub subject: Option<String>,
    pub sid: Option<String>,
}

impl Granted {
    pub(super) fn of(response: &Response, before: Option<&Tokens>) -> Self {
        let refresh = response.refresh_token().map(|token| token.secret().clone());
        Self {
            tokens: Tokens {
                access: response.access_token().secret().clone(),
                refresh: refresh.or_else(|| before?.refresh.clone()),
                id: before.and_then(|tokens| tokens.id.clone()),
            },
            expires_in: response.expires_in(),
            subject: None,
            sid: None,
        }
    }
}

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
}

impl ProviderError {
    /// Whether it may go well a moment later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Refused { error, .. } => {
                matches!(error.as_str(), "server_error" | "temporarily_unavailable")
            }
            _ => false,
        }
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
