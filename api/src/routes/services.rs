//! Services, with their components and environments.

mod commands;
mod queries;
mod requests;

use actix_web::web::{self, ServiceConfig};

pub use requests::{
    AddComponentRequest, AddEnvironmentRequest, ComponentRequest, CreateServiceRequest, DecommissionRequest,
    EnvironmentName,
};

pub(crate) use commands::{__path_add_component, __path_add_environment, __path_create, __path_decommission};
pub(crate) use queries::{__path_get, __path_list};

pub(super) fn configure(app: &mut ServiceConfig) {
    let one = "/projects/{project}/services/{service}";
    app.service(
        web::resource("/projects/{project}/services")
            .get(queries::list)
            .post(commands::create),
    )
    .service(web::resource(one).get(queries::get))
    .service(web::resource(format!("{one}/components")).post(commands::add_component))
    .service(web::resource(format!("{one}/environments")).post(commands::add_environment))
    .service(web::resource(format!("{one}/decommission")).post(commands::decommission));
}
