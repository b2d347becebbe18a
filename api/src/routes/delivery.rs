//! Delivery metrics: how often, how fast and how well releases come into PRD.

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::web::{self, Data, ServiceConfig};
use chrono::Utc;
use opstella_domain::{ProjectSlug, ServiceName};
use opstella_projections::queries::{DeliveryScope, DeliveryWeek};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::http::params::QueryParams;
use crate::http::visible::wait_for_named;
use crate::problem::Problem;
use crate::state::AppState;

/// Weeks that are told unless asked otherwise.
const WEEKS: u32 = 12;

/// Delivery by week.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeliveryView {
    /// The weeks, the oldest first; the last one is not over.
    pub weeks: Vec<DeliveryWeek>,
}

/// DORA's four metrics of PRD by week: of a service, a project, or, for those who oversee it, the platform.
#[utoipa::path(get, path = "/api/v1/delivery", operation_id = "GetDeliveryMetrics", tag = "delivery",
    params(
        ("project" = Option<String>, Query, description = "Of this project"),
        ("service" = Option<String>, Query, description = "Of this service of the project"),
        ("weeks" = Option<u32>, Query, description = "How many weeks", minimum = 1, maximum = 104),
        ("after" = Option<String>, Query, description = "Wait until the read model has this position"),
    ),
    responses((status = 200, description = "By week", body = DeliveryView)))]
pub(crate) async fn metrics(
    state: Data<AppState>,
    request: HttpRequest,
    query: QueryParams,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    query.only(&["project", "service", "weeks", "after"])?;
    let project: Option<ProjectSlug> = query.value("project")?;
    let service: Option<ServiceName> = query.value("service")?;
    if service.is_some() && project.is_none() {
        return Err(Problem::parameter("service", "needs `project` beside it", ""));
    }
    let weeks = query.parse::<u32>("weeks", "1 to 104")?.unwrap_or(WEEKS);
    if !(1..=104).contains(&weeks) {
        return Err(Problem::parameter("weeks", "1 to 104", &weeks.to_string()));
    }
    wait_for_named(&state, &request, &query, &["delivery", "catalog"]).await?;
    match &project {
        Some(project) => {
            let context = caller.context(&request);
            let permitted = state
                .commands
                .permit(&context, "GetDeliveryMetrics", Some(project));
            permitted.await?;
            exists(&state, project, service.as_ref()).await?;
        }
        None if caller.oversees() => {}
        None => {
            let rule =
                "name a project that you may read: the platform's delivery is for those who oversee it";
            return Err(Problem::parameter("project", rule, ""));
        }
    }
    let scope = DeliveryScope {
        project: project.map(|project| project.to_string()),
        service: service.map(|service| service.to_string()),
    };
    let weeks = state.queries.delivery(&scope, weeks, Utc::now()).await?;
    Ok(HttpResponse::Ok().json(DeliveryView { weeks }))
}

/// What there never was has no weeks. What was decommissioned keeps its own.
async fn exists(
    state: &AppState,
    project: &ProjectSlug,
    service: Option<&ServiceName>,
) -> Result<(), Problem> {
    let slug = project.as_str();
    match service {
        Some(service) if state.queries.service(slug, service.as_str()).await?.is_some() => Ok(()),
        Some(service) if state.queries.project(slug).await?.is_some() => {
            Err(Problem::not_found("service", &format!("{project}/{service}")))
        }
        None if state.queries.project(slug).await?.is_some() => Ok(()),
        _ => Err(Problem::not_found("project", slug)),
    }
}

pub(super) fn configure(app: &mut ServiceConfig) {
    app.service(web::resource("/delivery").get(metrics));
}
