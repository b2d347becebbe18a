//! Bodies whose signature is over their bytes.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use super::body;
use crate::problem::Problem;

/// Largest body.
pub const MAX_RAW: usize = 1 << 20;

/// A body as it was sent, whatever it says it is.
#[derive(Debug, Clone)]
pub struct RawBody(pub Vec<u8>);

impl FromRequest for RawBody {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move { Ok(Self(body::read(&request, payload, MAX_RAW).await?)) })
    }
}
