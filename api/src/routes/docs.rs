//! The API's description, and its pages for people: bundled, nothing is loaded from elsewhere.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_ENCODING, LOCATION};
use actix_web::web::{self, Data, ServiceConfig};
use utoipa_swagger_ui::Config;

use crate::http::params::PathParams;
use crate::openapi;

const DESCRIPTION: &str = "/api/openapi.json";

async fn description() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(openapi::text())
}

async fn to_pages() -> HttpResponse {
    HttpResponse::PermanentRedirect()
        .insert_header((LOCATION, "/api/docs/"))
        .finish()
}

async fn page(path: PathParams, config: Data<Config<'static>>) -> HttpResponse {
    match utoipa_swagger_ui::serve(path.text("file"), config.into_inner()) {
        Ok(Some(file)) => {
            let mut response = HttpResponse::Ok();
            response.content_type(file.content_type);
            if file.gzpipped {
                response.insert_header((CONTENT_ENCODING, "gzip"));
            }
            response.insert_header((
                "Content-Security-Policy",
                "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
            ));
            response.body(file.bytes.into_owned())
        }
        Ok(None) => HttpResponse::NotFound().finish(),
        Err(error) => {
            tracing::error!(%error, "the pages of the API cannot be served");
            HttpResponse::InternalServerError().finish()
        }
    }
}

pub(super) fn configure(app: &mut ServiceConfig) {
    let config = Arc::new(Config::from(DESCRIPTION));
    app.app_data(Data::from(config))
        .service(web::resource(DESCRIPTION).get(description))
        .service(web::resource("/api/docs").get(to_pages))
        .service(web::resource("/api/docs/{file:.*}").get(page));
}
