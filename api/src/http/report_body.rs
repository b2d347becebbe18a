//! Bodies that are reports: bytes, as the tool wrote them.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName};
use actix_web::{FromRequest, HttpRequest, web};
use opstella_evidence::{Encoding, MAX_SENT};

use super::body;
use super::report_places::ReportPlace;
use crate::problem::Problem;
use crate::state::AppState;

/// A report as it was sent.
#[derive(Debug)]
pub struct ReportBody {
    /// Its bytes, as sent.
    pub bytes: Vec<u8>,
    /// How they are encoded.
    pub encoding: Encoding,
    /// `application/json` or `application/xml`.
    pub content_type: String,
    /// SHA-256 of method, path and bytes.
    pub fingerprint: String,
    /// Its place among those that are being read: to be kept as long as its bytes are. None where nothing bounds them.
    pub place: Option<ReportPlace>,
}

impl FromRequest for ReportBody {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let content_type = content_type(&request)?;
            let encoding = encoding(&request)?;
            let state = request.app_data::<web::Data<AppState>>();
            let place = match state {
                Some(state) => Some(state.reports.take().await?),
                None => None,
            };
            let bytes = body::read(&request, payload, MAX_SENT).await?;
            let fingerprint = body::fingerprint_of(&request, &bytes);
            Ok(Self {
                bytes,
                encoding,
                content_type,
                fingerprint,
                place,
            })
        })
    }
}

fn header(request: &HttpRequest, name: HeaderName) -> String {
    let value = request.headers().get(name).and_then(|value| value.to_str().ok());
    let essence = value.unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

fn content_type(request: &HttpRequest) -> Result<String, Problem> {
    let given = header(request, CONTENT_TYPE);
    match given.as_str() {
        "application/json" => Ok(given),
        "application/xml" | "text/xml" => Ok("application/xml".to_owned()),
        _ => Err(Problem::unsupported(
            "Content-Type",
            "application/json or application/xml",
            &given,
        )),
    }
}

fn encoding(request: &HttpRequest) -> Result<Encoding, Problem> {
    let given = header(request, CONTENT_ENCODING);
    match given.as_str() {
        "" | "identity" => Ok(Encoding::Identity),
        "gzip" | "x-gzip" => Ok(Encoding::Gzip),
        _ => Err(Problem::unsupported(
            "Content-Encoding",
            "gzip, or absent",
            &given,
        )),
    }
}
