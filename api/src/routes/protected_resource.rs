//! Whose tokens are taken (RFC 9728): what a client asks before anybody has signed in; no token.

use actix_web::HttpResponse;
use actix_web::web::{self, Data, ServiceConfig};
use serde_json::json;

use crate::state::AppState;

async fn metadata(state: Data<AppState>) -> HttpResponse {
    let resource = state.config.server.public_url.as_str().trim_end_matches('/');
    let issuer: Vec<&str> = state.config.oidc.issuer.as_deref().into_iter().collect();
    HttpResponse::Ok().json(json!({
        "resource": resource,
        "authorization_servers": issuer,
        "bearer_methods_supported": ["header"],
        "resource_documentation": format!("{resource}/api/docs/"),
    }))
}

pub(super) fn configure(app: &mut ServiceConfig) {
    app.service(web::resource("/.well-known/oauth-protected-resource").get(metadata));
}
