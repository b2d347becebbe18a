//! Runs: looking at them and operating them.

mod commands;
mod queries;
mod requests;

use actix_web::web::{self, ServiceConfig};
use opstella_domain::RunId;
use opstella_projections::queries::RunDetail;

pub use requests::{ReasonRequest, StepReasonRequest, StepRequest};

pub(crate) use commands::{__path_abandon, __path_cancel, __path_retry, __path_skip};
pub(crate) use queries::STATUSES;
pub(crate) use queries::{__path_get, __path_list};

use super::stream;
use crate::problem::Problem;
use crate::state::AppState;

/// The read models that answers are made from.
pub(super) const MODELS: &[&str] = &["runs"];

/// A run with its steps.
pub(super) async fn find(state: &AppState, run: RunId) -> Result<RunDetail, Problem> {
    let found = state.queries.run(run.0).await?;
    found.ok_or_else(|| Problem::not_found("run", &run.to_string()))
}

pub(super) fn configure(app: &mut ServiceConfig) {
    app.service(web::resource("/runs").get(queries::list))
        .service(web::resource("/runs/{run}").get(queries::get))
        .service(web::resource("/runs/{run}/events").get(stream::run))
        .service(web::resource("/runs/{run}/retry").post(commands::retry))
        .service(web::resource("/runs/{run}/skip").post(commands::skip))
        .service(web::resource("/runs/{run}/cancel").post(commands::cancel))
        .service(web::resource("/runs/{run}/abandon").post(commands::abandon));
}
