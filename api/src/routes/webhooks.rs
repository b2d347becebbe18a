//! What tools send. No token is looked at: each tool signs by a secret of its own, and a body is believed only then.

mod argocd;
mod gitlab;
mod outcome;
mod secrets;
mod signature;
mod sonarqube;

use actix_web::web::{self, ServiceConfig};

pub(crate) use argocd::{__path_argocd, argocd};
pub(crate) use gitlab::{__path_gitlab, gitlab};
pub use secrets::WebhookSecrets;
pub(crate) use sonarqube::{__path_sonarqube, sonarqube};

/// Below which path they are.
pub(crate) const BELOW: &str = "/api/v1/webhooks/";

pub(super) fn configure(app: &mut ServiceConfig) {
    app.service(web::resource("/api/v1/webhooks/sonarqube").post(sonarqube))
        .service(web::resource("/api/v1/webhooks/gitlab").post(gitlab))
        .service(web::resource("/api/v1/webhooks/argocd").post(argocd));
}
