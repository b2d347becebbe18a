//! The OpenAPI description: from the handlers, completed by what holds for all of them.

mod complete;

use std::sync::OnceLock;

use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Description;

use complete::Complete;

use crate::events::EventView;
use crate::problem::Problem;
use crate::routes::{
    delivery, events, matrix, members, plan, policies, probes, projects, promotions, releases, runs,
    services, signin, stream, subscriptions, templates, tools, webhooks,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Opstella",
        description = "The control plane of a DevSecOps platform: one place in front of the tools. Every command takes \
            an `Idempotency-Key`; errors are problem documents (RFC 9457).",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
        contact(),
    ),
    paths(
        projects::create, projects::list, projects::get,
        members::grant, members::revoke, members::list,
        services::create, services::list, services::get, services::add_component, services::add_environment,
        services::decommission,
        releases::register, releases::list, releases::get, releases::seal, releases::add, releases::list_evidence, releases::report, releases::grant, releases::revoke,
        promotions::dev, promotions::sit, promotions::uat, promotions::pre, promotions::prd, promotions::rollback,
        promotions::list, promotions::get, promotions::approvals, promotions::history, promotions::check, promotions::approve, promotions::reject, promotions::cancel,
        promotions::override_freeze, promotions::confirm_override,
        matrix::matrix, delivery::metrics,
        policies::set, policies::get, policies::set_of_project, policies::get_of_project,
        runs::list, runs::get, runs::retry, runs::skip, runs::cancel, runs::abandon,
        templates::register, templates::list, templates::get, templates::get_version,
        tools::connect, tools::list, tools::get, tools::health,
        events::list, events::get, stream::run, stream::all,
        webhooks::sonarqube, webhooks::gitlab, webhooks::argocd,
        signin::begin, signin::finish, signin::session, signin::sign_out, signin::clear, signin::clear_by_link,
        signin::backchannel,
        subscriptions::create, subscriptions::list, subscriptions::get, subscriptions::change, subscriptions::enable,
        subscriptions::disable, subscriptions::rotate, subscriptions::ping, subscriptions::delete,
        subscriptions::deliveries, subscriptions::dead_letters, subscriptions::replay_one, subscriptions::replay_all,
        probes::health, probes::ready, probes::metrics,
    ),
    components(schemas(Problem, EventView, plan::PlanView, opstella_projections::queries::RunDetail)),
    tags(
        (name = "projects", description = "Teams' spaces"),
        (name = "services", description = "Services with their components and environments"),
        (name = "releases", description = "What CI built, the evidence on it, and waivers"),
        (name = "promotions", description = "Releases on their way through the environments"),
        (name = "delivery", description = "What runs where, and how releases get there"),
        (name = "policies", description = "What a release needs to come into an environment"),
        (name = "runs", description = "Executions of sagas"),
        (name = "templates", description = "What components are made from"),
        (name = "tools", description = "What the platform is connected to"),
        (name = "events", description = "What happened, and what happens"),
        (name = "webhooks", description = "What tools send, signed by them"),
        (name = "sign-in", description = "Signing in and out with a browser; only where it is configured"),
        (name = "notifications", description = "Who is told of which events, by webhook"),
        (name = "probes", description = "For machines that watch"),
    ),
    modifiers(&Complete),
)]
struct Api;

/// The description.
pub fn description() -> &'static Description {
    static DESCRIPTION: OnceLock<Description> = OnceLock::new();
    DESCRIPTION.get_or_init(Api::openapi)
}

/// The description as JSON, as in `schema/openapi.json`.
pub fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let mut text = description().to_pretty_json().unwrap_or_default();
        text.push('\n');
        text
    })
}

/// Whether there is such a route.
pub(crate) fn is_described(route: &str) -> bool {
    description().paths.paths.contains_key(route)
}

/// The `operationId` of a method on a route.
pub(crate) fn operation(method: &str, route: &str) -> Option<&'static str> {
    let item = description().paths.paths.get(route)?;
    let operation = match method {
        "GET" => &item.get,
        "POST" => &item.post,
        "PUT" => &item.put,
        "DELETE" => &item.delete,
        "PATCH" => &item.patch,
        _ => &None,
    };
    operation.as_ref()?.operation_id.as_deref()
}

/// The methods that a route takes.
pub(crate) fn methods(route: &str) -> Vec<&'static str> {
    let Some(item) = description().paths.paths.get(route) else {
        return vec!["GET"];
    };
    [
        ("GET", item.get.is_some()),
        ("POST", item.post.is_some()),
        ("PUT", item.put.is_some()),
        ("DELETE", item.delete.is_some()),
        ("PATCH", item.patch.is_some()),
    ]
    .into_iter()
    .filter_map(|(method, there)| there.then_some(method))
    .collect()
}
