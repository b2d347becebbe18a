//! Who is signed in.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::sign_in;
use crate::auth::Refused;
use crate::http::params::QueryParams;
use crate::problem::Problem;
use crate::signin::SignInError;
use crate::state::AppState;

/// Who is signed in with this browser.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SessionView {
    /// The `sub` of their tokens.
    pub subject: String,
    /// The name that people know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The roles that their token gives: `platform-admin`, `payments:owner`.
    pub roles: Vec<String>,
    /// Send it as `X-CSRF-Token` with everything but GET.
    pub csrf_token: String,
    /// When they signed in.
    pub since: DateTime<Utc>,
    /// When the session ends at the latest.
    pub expires_at: DateTime<Utc>,
    /// After how many seconds without a request it ends.
    pub idle_seconds: u64,
}

/// Who is signed in, and the token for requests that change something.
#[utoipa::path(get, path = "/auth/session", operation_id = "GetSession", tag = "sign-in",
    responses((status = 200, description = "The session", body = SessionView),
        (status = 401, description = "Nobody is signed in", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "The provider or the database is away", body = Problem,
            content_type = "application/problem+json")))]
pub(crate) async fn session(
    state: Data<AppState>,
    request: HttpRequest,
    query: QueryParams,
) -> Result<HttpResponse, Problem> {
    let sign_in = sign_in(&state)?;
    query.only(&[])?;
    let current = match sign_in.current(&request).await {
        Ok(Some(current)) => current,
        Ok(None) => return Err(Refused::NoSession.into()),
        // The browser need not keep what opens nothing.
        Err(SignInError::Ended) => {
            let mut response = Problem::from(SignInError::Ended).error_response();
            let _ = response.add_cookie(&sign_in.cookies().no_session());
            return Ok(response);
        }
        Err(error) => return Err(error.into()),
    };
    let actor = current.caller.actor;
    Ok(HttpResponse::Ok().json(SessionView {
        subject: actor.subject,
        name: actor.name,
        roles: actor.roles,
        csrf_token: current.csrf_token,
        since: current.since,
        expires_at: current.expires_at,
        idle_seconds: state.config.session.idle().as_secs(),
    }))
}
