//! Why a token is not taken.

use thiserror::Error;

use crate::problem::{Problem, ProblemKind};

/// Why a token is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Refused {
    /// There is none.
    #[error("the request has no token")]
    Missing,
    /// The header is not `Bearer <token>`.
    #[error("the Authorization header is not `Bearer <token>`")]
    Scheme,
    /// It is no JWT.
    #[error("the token is no JWT")]
    Malformed,
    /// It is signed by an algorithm that is not taken.
    #[error("the token is signed by an algorithm that is not taken here")]
    Algorithm,
    /// The issuer lists no such key.
    #[error("the issuer lists no key of the token's `kid`")]
    UnknownKey,
    /// The signature is wrong.
    #[error("the token's signature is wrong")]
    Signature,
    /// It has expired.
    #[error("the token has expired")]
    Expired,
    /// It is not valid yet.
    #[error("the token is not valid yet")]
    NotYet,
    /// It is for another audience.
    #[error("the token is for another audience")]
    Audience,
    /// It is of another issuer.
    #[error("the token is of another issuer")]
    Issuer,
    /// A claim is missing or unusable.
    #[error("the token lacks a claim that is needed: sub, iss, aud, exp")]
    Claims,
    /// It is an ID token, a logout token or a refresh token.
    #[error("the token is no access token")]
    Kind,
    /// The browser has no session.
    #[error("nobody is signed in with this browser")]
    NoSession,
    /// The session of the cookie has ended.
    #[error("the session has ended")]
    Session,
    /// The issuer's keys are not known.
    #[error("the issuer's keys cannot be read now")]
    NoKeys,
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let reason: &'static str = refused.into();
        metrics::counter!("opstella_auth_refused_total", "reason" => reason).increment(1);
        let detail = refused.to_string();
        if refused == Refused::NoKeys {
            return Self::new(ProblemKind::Unavailable, detail)
                .hint("try again in a moment; /readyz says what is wrong")
                .header("Retry-After", "5");
        }
        if matches!(refused, Refused::Session | Refused::NoSession) {
            return Self::new(ProblemKind::Unauthenticated, detail)
                .hint("sign in at /auth/login")
                .header("WWW-Authenticate", "Bearer realm=\"opstella\"");
        }
        let challenge = match refused {
            Refused::Missing => "Bearer realm=\"opstella\"".to_owned(),
            _ => format!(
                "Bearer realm=\"opstella\", error=\"invalid_token\", error_description=\"{}\"",
                detail.replace('`', "'")
            ),
        };
        Self::new(ProblemKind::Unauthenticated, detail)
            .hint("get a token from the issuer and send it as Authorization: Bearer <token>")
            .header("WWW-Authenticate", challenge)
    }
}
