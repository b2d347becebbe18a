//! Bodies of HTML forms.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{FromRequest, HttpRequest};

use super::body::read;
use crate::problem::Problem;

/// Largest form: a token and its name.
const LARGEST: usize = 32 << 10;

/// The fields of a form.
#[derive(Debug, Clone)]
pub struct FormBody(Vec<(String, String)>);

impl FormBody {
    /// A field that is there once.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut given = self.0.iter().filter(|(n, _)| n == name);
        match (given.next(), given.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }
}

impl FromRequest for FormBody {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let given = request.headers().get(CONTENT_TYPE);
            let given = given.and_then(|value| value.to_str().ok()).unwrap_or_default();
            let essence = given.split(';').next().unwrap_or_default().trim();
            if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
                let wanted = "application/x-www-form-urlencoded";
                return Err(Problem::unsupported("Content-Type", wanted, given));
            }
            let bytes = read(&request, payload, LARGEST).await?;
            Ok(Self(url::form_urlencoded::parse(&bytes).into_owned().collect()))
        })
    }
}
