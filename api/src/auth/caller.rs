//! Who calls, as handlers see it.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use opstella_journal::Actor;

use super::Refused;
use crate::problem::Problem;

/// Who calls. Roles are in the actor; what they allow is decided where commands are carried out.
#[derive(Debug, Clone)]
pub struct Caller {
    /// What events will say.
    pub actor: Actor,
    /// When the token ends, in seconds since 1970.
    pub expires_at: u64,
}

impl Caller {
    /// The caller of a request that was authenticated.
    ///
    /// # Errors
    /// 401 where it was not.
    pub fn of(request: &HttpRequest) -> Result<Self, Problem> {
        request
            .extensions()
            .get::<Self>()
            .cloned()
            .ok_or_else(|| Refused::Missing.into())
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request))
    }
}
