//! No body: for what needs no more than its path and its cookies.

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use super::body;
use crate::problem::Problem;

/// No body, or an empty object.
#[derive(Debug, Clone, Copy)]
pub struct NoBody;

impl FromRequest for NoBody {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let bytes = body::read(&request, payload, body::limit(&request)).await?;
            match bytes.trim_ascii() {
                b"" | b"{}" => Ok(Self),
                _ => Err(Problem::invalid_field("body", "must be empty", None)),
            }
        })
    }
}
