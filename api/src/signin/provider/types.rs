//! The types of `openidconnect`, with the one claim more that is read, and what is kept of them.

use std::time::Duration;

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreRevocableToken,
    CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, IdTokenFields,
    OAuth2TokenResponse, StandardErrorResponse, StandardTokenResponse,
};
use serde::{Deserialize, Serialize};

/// The claim that back-channel logout comes back to.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(in crate::signin) struct SidClaim {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
}

impl AdditionalClaims for SidClaim {}

pub(in crate::signin) type IdToken = openidconnect::IdToken<
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
pub(super) type Response = StandardTokenResponse<Fields, CoreTokenType>;
pub(super) type ErrorResponse = StandardErrorResponse<CoreErrorResponseType>;
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

/// Tokens for a refresh token. The ID token among them, if there is one, is not checked yet.
pub(in crate::signin) struct Renewed {
    pub tokens: Tokens,
    pub expires_in: Option<Duration>,
    pub(super) id: Option<IdToken>,
}
