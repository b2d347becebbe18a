//! Signing out: by the user, for good measure, and by the provider.

use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{see_other, sign_in};
use crate::auth::{Refused, by_token};
use crate::http::client_address;
use crate::http::form::FormBody;
use crate::http::no_body::NoBody;
use crate::http::params::QueryParams;
use crate::problem::{Problem, ProblemKind};
use crate::signin::{SignIn, SignInError};
use crate::state::AppState;

/// What browsers are told to forget of this site. Not `"cookies"`: that takes those of the whole registrable domain, and
/// would sign people out of GitLab next door. Our own are taken away one by one.
const FORGET: &str = "\"cache\", \"storage\"";

/// Where signing out goes on.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SignedOutView {
    /// Send the browser there: it ends the provider's own session, and comes back to this site.
    pub continue_at: String,
}

/// A form with a logout token.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct LogoutTokenForm {
    /// The token.
    #[expect(dead_code, reason = "it describes the form, which FormBody reads")]
    pub logout_token: String,
}

/// Signs out: ends the session here, and says where the browser ends the provider's. With a bearer token, it is recorded
/// that its owner signed out; the token is the provider's, and ends when it does.
#[utoipa::path(post, path = "/auth/logout", operation_id = "SignOut", tag = "sign-in",
    params(("X-CSRF-Token" = Option<String>, Header, description = "The `csrf_token` of GET /auth/session")),
    responses((status = 200, description = "Signed out here", body = SignedOutView),
        (status = 204, description = "With a bearer token: recorded"),
        (status = 401, description = "Nobody is signed in", body = Problem,
            content_type = "application/problem+json"),
        (status = 403, description = "The request may come from another site", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem,
            content_type = "application/problem+json")))]
pub(crate) async fn sign_out(
    state: Data<AppState>,
    request: HttpRequest,
    query: QueryParams,
    _: NoBody,
) -> Result<HttpResponse, Problem> {
    query.only(&[])?;
    if request.headers().contains_key(AUTHORIZATION) {
        let mut caller = by_token(&state, &request).await?;
        caller.actor.address = client_address::of(&request);
        state.sightings.end(&caller, &caller.context(&request)).await?;
        return Ok(HttpResponse::NoContent().finish());
    }
    let sign_in = sign_in(&state)?;
    let url = sign_in.sign_out(&request).await?.ok_or(Refused::NoSession)?;
    Ok(HttpResponse::Ok()
        .cookie(sign_in.cookies().no_session())
        .json(SignedOutView {
            continue_at: url.into(),
        }))
}

/// Clears what the browser keeps of this site, ends the session if there is one, and goes on to end the provider's.
#[utoipa::path(post, path = "/auth/clear-session", operation_id = "ClearSession", tag = "sign-in",
    responses((status = 303, description = "Cleared: to the provider's logout",
            headers(("Location" = String, description = "Where"), ("Clear-Site-Data" = String, description = "What"))),
        (status = 403, description = "The request comes from another site", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem,
            content_type = "application/problem+json")))]
pub(crate) async fn clear(
    state: Data<AppState>,
    request: HttpRequest,
    query: QueryParams,
    _: NoBody,
) -> Result<HttpResponse, Problem> {
    let sign_in = sign_in(&state)?;
    query.only(&[])?;
    // The page that asks may have lost its token; who comes from elsewhere follows a link.
    sign_in.check_origin(&request)?;
    cleared(sign_in, &request).await
}

/// The same by a link, also from another site: it does no more than sign out.
#[utoipa::path(get, path = "/auth/clear-session", operation_id = "ClearSessionByLink", tag = "sign-in",
    responses((status = 303, description = "Cleared: to the provider's logout",
            headers(("Location" = String, description = "Where"), ("Clear-Site-Data" = String, description = "What"))),
        (status = 403, description = "It is no link that somebody followed, but part of another page",
            body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem,
            content_type = "application/problem+json")))]
pub(crate) async fn clear_by_link(
    state: Data<AppState>,
    request: HttpRequest,
    query: QueryParams,
) -> Result<HttpResponse, Problem> {
    let sign_in = sign_in(&state)?;
    query.only(&[])?;
    // An image in somebody's page must not clear this site's data.
    if request
        .headers()
        .get_all("sec-fetch-dest")
        .any(|dest| dest != "document")
    {
        return Err(SignInError::CrossSite("this is a page to go to, not a part of another").into());
    }
    cleared(sign_in, &request).await
}

async fn cleared(sign_in: &SignIn, request: &HttpRequest) -> Result<HttpResponse, Problem> {
    let url = sign_in.clear(request).await?;
    let mut response = see_other(url.as_str());
    for cookie in sign_in.cookies().none_of(request) {
        response.cookie(cookie);
    }
    Ok(response.insert_header(("Clear-Site-Data", FORGET)).finish())
}

/// Ends the sessions that the OpenID provider names (OpenID Connect Back-Channel Logout 1.0).
#[utoipa::path(post, path = "/auth/backchannel-logout", operation_id = "BackChannelLogout", tag = "sign-in",
    request_body(content = LogoutTokenForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "They are ended"),
        (status = 400, description = "The logout token is not taken", body = Problem,
            content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem,
            content_type = "application/problem+json"),
        (status = 415, description = "The body is no form", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "The database or the provider's keys are away", body = Problem,
            content_type = "application/problem+json")))]
pub(crate) async fn backchannel(
    state: Data<AppState>,
    request: HttpRequest,
    form: FormBody,
) -> Result<HttpResponse, Problem> {
    let sign_in = sign_in(&state)?;
    let token = form.get("logout_token").ok_or_else(|| {
        Problem::new(
            ProblemKind::InvalidLogoutToken,
            "the form has no logout_token, or has it twice",
        )
    })?;
    sign_in.logout_by_provider(&request, token).await?;
    Ok(HttpResponse::Ok().finish())
}
