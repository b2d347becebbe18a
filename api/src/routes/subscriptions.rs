//! Subscriptions: who is told of which events, by webhook; and what became of that.

mod commands;
mod queries;
mod replays;
mod requests;

use actix_web::web::{self, ServiceConfig};
use opstella_domain::ProjectSlug;
use opstella_domain::subscription::SubscriptionKey;

use crate::http::params::{PathParams, QueryParams};
use crate::problem::Problem;

pub use requests::{ChangeSubscriptionRequest, CreateSubscriptionRequest, RotateSecretRequest};

pub(crate) use commands::{
    __path_change, __path_create, __path_delete, __path_disable, __path_enable, __path_ping, __path_rotate,
};
pub(crate) use queries::{__path_dead_letters, __path_deliveries, __path_get, __path_list};
pub(crate) use replays::{__path_replay_all, __path_replay_one};

/// The project that a request names: the platform's subscriptions where it names none.
fn project(query: &QueryParams) -> Result<Option<ProjectSlug>, Problem> {
    query.value("project")
}

fn key(path: &PathParams, query: &QueryParams) -> Result<SubscriptionKey, Problem> {
    Ok(SubscriptionKey {
        project: project(query)?,
        name: path.parse("name")?,
    })
}

pub(super) fn configure(app: &mut ServiceConfig) {
    let one = "/subscriptions/{name}";
    app.service(
        web::resource("/subscriptions")
            .get(queries::list)
            .post(commands::create),
    )
    .service(
        web::resource(one)
            .get(queries::get)
            .put(commands::change)
            .delete(commands::delete),
    )
    .service(web::resource(format!("{one}/enable")).post(commands::enable))
    .service(web::resource(format!("{one}/disable")).post(commands::disable))
    .service(web::resource(format!("{one}/rotate-secret")).post(commands::rotate))
    .service(web::resource(format!("{one}/ping")).post(commands::ping))
    .service(web::resource(format!("{one}/deliveries")).get(queries::deliveries))
    .service(web::resource(format!("{one}/dead-letters")).get(queries::dead_letters))
    .service(web::resource(format!("{one}/dead-letters/replay")).post(replays::replay_all))
    .service(web::resource(format!("{one}/dead-letters/{{delivery}}/replay")).post(replays::replay_one));
}
