//! The routes, one module a resource.

mod answer;
pub mod delivery;
pub mod docs;
pub mod events;
pub mod matrix;
pub mod members;
pub mod plan;
pub mod policies;
pub mod probes;
pub mod projects;
pub mod promotions;
pub mod protected_resource;
pub mod releases;
pub mod runs;
pub mod services;
pub mod signin;
pub mod stream;
pub mod subscriptions;
pub mod templates;
pub mod tools;
pub mod webhooks;

use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};

pub use answer::CommandAnswer;

use crate::auth::authenticate;
use crate::http::{BASE, fallback};

/// Every route.
pub fn configure(app: &mut ServiceConfig) {
    // Before the scope that asks for a token: tools have none, they sign.
    app.configure(webhooks::configure)
        .service(
            web::scope(BASE)
                .wrap(from_fn(authenticate))
                .configure(projects::configure)
                .configure(members::configure)
                .configure(services::configure)
                .configure(releases::configure)
                .configure(promotions::configure)
                .configure(policies::configure)
                .configure(matrix::configure)
                .configure(delivery::configure)
                .configure(runs::configure)
                .configure(templates::configure)
                .configure(tools::configure)
                .configure(events::configure)
                .configure(subscriptions::configure)
                .default_service(web::to(fallback::no_such_route)),
        )
        .configure(signin::configure)
        .configure(probes::configure)
        .configure(docs::configure)
        .configure(protected_resource::configure)
        .default_service(web::to(fallback::no_such_route));
}
