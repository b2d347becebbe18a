//! Releases, with their evidence and waivers.

mod commands;
mod evidence;
mod queries;
mod requests;
mod waivers;

use actix_web::web::{self, ServiceConfig};
use opstella_domain::ServiceKey;
use opstella_domain::release::ReleaseKey;

use crate::http::params::PathParams;
use crate::problem::Problem;

pub(crate) use commands::{__path_register, __path_seal};
pub(crate) use evidence::{__path_add, __path_list_evidence, __path_report};
pub(crate) use queries::{__path_get, __path_list};
pub(crate) use waivers::{__path_grant, __path_revoke};

fn key(path: &PathParams) -> Result<ReleaseKey, Problem> {
    Ok(ReleaseKey {
        service: ServiceKey {
            project: path.parse("project")?,
            service: path.parse("service")?,
        },
        version: path.parse("version")?,
    })
}

pub(super) fn configure(app: &mut ServiceConfig) {
    const ALL: &str = "/projects/{project}/services/{service}/releases";
    let one = |rest: &str| web::resource(format!("{ALL}/{{version}}{rest}"));
    app.service(web::resource(ALL).get(queries::list).post(commands::register))
        .service(one("").get(queries::get))
        .service(one("/seal").post(commands::seal))
        .service(one("/evidence").get(evidence::list_evidence).post(evidence::add))
        .service(one("/evidence/{digest}").get(evidence::report))
        .service(one("/waivers").post(waivers::grant))
        .service(one("/waivers/{waiver}").delete(waivers::revoke));
}
