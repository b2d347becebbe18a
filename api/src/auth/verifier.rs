//! Checking tokens.

use std::time::Duration;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use super::claims::Claims;
use super::keys::Keys;
use super::{Caller, KeyStatus, Refused};
use crate::config::OidcConfig;

/// Longest token that is looked at.
const LONGEST: usize = 8192;

/// Checks tokens of one issuer.
pub struct Verifier {
    keys: Keys,
    issuer: String,
    audience: String,
    algorithms: Vec<Algorithm>,
    leeway: u64,
    refresh: Duration,
}

impl Verifier {
    /// A verifier for the tokens of `issuer`; its keys are read by [`keep_fresh`](Self::keep_fresh), or with the
    /// first token.
    ///
    /// # Errors
    /// Where no HTTP client can be made.
    pub fn new(issuer: &str, config: &OidcConfig) -> Result<Self, reqwest::Error> {
        Ok(Self {
            keys: Keys::new(issuer.to_owned(), config)?,
            issuer: issuer.to_owned(),
            audience: config.audience.clone(),
            algorithms: config.algorithms.clone(),
            leeway: config.leeway_seconds,
            refresh: Duration::from_secs(config.jwks_refresh_seconds),
        })
    }

    /// Refreshes the issuer's keys until cancelled.
    pub async fn keep_fresh(&self, cancel: CancellationToken) {
        self.keys.keep_fresh(self.refresh, &cancel).await;
    }

    /// Whether there are keys.
    pub fn status(&self) -> KeyStatus {
        self.keys.status()
    }

    /// Checks a token: form, algorithm, key, signature, issuer, audience, times.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn verify(&self, token: &str) -> Result<Caller, Refused> {
        let claims: Claims = self
            .decode(token, &self.audience, &["exp", "iss", "aud", "sub"])
            .await?;
        claims.caller()
    }

    /// Checks a logout token for this audience in the same way; what is in it, the caller checks.
    ///
    /// # Errors
    /// [`Refused`].
    pub(crate) async fn verify_logout<T: DeserializeOwned>(
        &self,
        token: &str,
        audience: &str,
    ) -> Result<T, Refused> {
        self.decode(token, audience, &["exp", "iss", "aud"]).await
    }

    /// Seconds by which clocks may differ.
    pub(crate) fn leeway(&self) -> i64 {
        i64::try_from(self.leeway).unwrap_or(i64::MAX)
    }

    async fn decode<T: DeserializeOwned>(
        &self,
        token: &str,
        audience: &str,
        required: &[&str],
    ) -> Result<T, Refused> {
        if token.len() > LONGEST {
            return Err(Refused::Malformed);
        }
        let header = decode_header(token).map_err(|_| Refused::Malformed)?;
        if !self.algorithms.contains(&header.alg) {
            return Err(Refused::Algorithm);
        }
        let kid = header.kid.ok_or(Refused::UnknownKey)?;
        let key = match self.keys.find(&kid).await {
            Ok(Some(key)) => key,
            Ok(None) => return Err(Refused::UnknownKey),
            Err(()) => return Err(Refused::NoKeys),
        };
        // The key says what it is for; the token does not get to choose.
        let meant = key.jwk.common.key_algorithm;
        if meant.is_some_and(|meant| meant.to_string() != format!("{:?}", header.alg))
            || key.decoding.family() != header.alg.family()
        {
            return Err(Refused::Algorithm);
        }
        let validation = self.validation(header.alg, audience, required);
        decode::<T>(token, &key.decoding, &validation)
            .map(|decoded| decoded.claims)
            .map_err(|error| refused(error.kind()))
    }

    fn validation(&self, algorithm: Algorithm, audience: &str, required: &[&str]) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = self.leeway;
        validation.validate_exp = true;
        validation.validate_nbf = true;
        validation.validate_aud = true;
        validation.set_audience(&[audience]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_required_spec_claims(required);
        validation
    }
}

fn refused(kind: &ErrorKind) -> Refused {
    match kind {
        ErrorKind::InvalidSignature => Refused::Signature,
        ErrorKind::ExpiredSignature => Refused::Expired,
        ErrorKind::ImmatureSignature => Refused::NotYet,
        ErrorKind::InvalidAudience => Refused::Audience,
        ErrorKind::InvalidIssuer => Refused::Issuer,
        ErrorKind::InvalidAlgorithm => Refused::Algorithm,
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidSubject | ErrorKind::Json(_) => {
            Refused::Claims
        }
        _ => Refused::Malformed,
    }
}
