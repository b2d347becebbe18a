//! Promotions: asking for them, and what people say to them.

mod answers;
mod ask;
mod gate;
mod queries;
mod requests;
mod view;

use actix_web::web::{self, ServiceConfig};

pub(crate) use answers::{
    __path_approve, __path_cancel, __path_confirm_override, __path_override_freeze, __path_reject,
};
pub(crate) use ask::{
    __path_check, __path_dev, __path_prd, __path_pre, __path_rollback, __path_sit, __path_uat,
};
pub use gate::{CheckView, GateView};
pub(crate) use queries::{__path_approvals, __path_get, __path_history, __path_list};
pub use view::PromotionView;

pub(super) fn configure(app: &mut ServiceConfig) {
    const ALL: &str = "/projects/{project}/services/{service}/promotions";
    let verb = |name: &str| web::resource(format!("{ALL}:{name}"));
    let one = |rest: &str| web::resource(format!("{ALL}/{{promotion}}{rest}"));
    app.service(web::resource("/promotions").get(queries::list))
        .service(web::resource("/approvals").get(queries::approvals))
        .service(
            web::resource("/projects/{project}/services/{service}/environments/{environment}/history")
                .get(queries::history),
        )
        .service(one("").get(queries::get))
        .service(verb("to-dev").post(ask::dev))
        .service(verb("to-sit").post(ask::sit))
        .service(verb("to-uat").post(ask::uat))
        .service(verb("to-pre").post(ask::pre))
        .service(verb("to-prd").post(ask::prd))
        .service(verb("rollback").post(ask::rollback))
        .service(verb("check").post(ask::check))
        .service(one("/approve").post(answers::approve))
        .service(one("/reject").post(answers::reject))
        .service(one("/cancel").post(answers::cancel))
        .service(one("/override-freeze").post(answers::override_freeze))
        .service(one("/confirm-freeze-override").post(answers::confirm_override));
}
