//! To the provider and back.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::{see_other, sign_in};
use crate::http::params::QueryParams;
use crate::problem::Problem;
use crate::signin::{ReturnTo, Returned};
use crate::state::AppState;

/// Begins a sign-in: sends the browser to the OpenID provider.
#[utoipa::path(get, path = "/auth/login", operation_id = "BeginSignIn", tag = "sign-in",
    params(("return_to" = Option<String>, Query,
        description = "Where to go once signed in: a path of this site. `/` unless given")),
    responses((status = 303, description = "To the provider", headers(("Location" = String, description = "Where"))),
        (status = 400, description = "A parameter breaks a rule", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "The provider is away", body = Problem,
            content_type = "application/problem+json")))]
pub(crate) async fn begin(
    state: Data<AppState>,
    request: HttpRequest,
    query: QueryParams,
) -> Result<HttpResponse, Problem> {
    let sign_in = sign_in(&state)?;
    query.only(&["return_to"])?;
    let return_to = query.parse::<ReturnTo>("return_to", ReturnTo::RULE)?;
    let beginning = sign_in.begin(&request, &return_to.unwrap_or_default()).await?;
    let mut response = see_other(beginning.url.as_str());
    for cookie in beginning.cookies {
        response.cookie(cookie);
    }
    Ok(response.finish())
}

/// Finishes a sign-in: where the OpenID provider sends the browser back to.
#[utoipa::path(get, path = "/auth/callback", operation_id = "FinishSignIn", tag = "sign-in",
    params(("state" = Option<String>, Query, description = "As it was given to the provider"),
        ("code" = Option<String>, Query, description = "What the tokens are for"),
        ("iss" = Option<String>, Query, description = "The provider (RFC 9207)"),
        ("error" = Option<String>, Query, description = "Why there is no code"),
        ("error_description" = Option<String>, Query, description = "The same in words")),
    responses((status = 303, description = "Signed in: to where the sign-in was begun for",
            headers(("Location" = String, description = "Where"), ("Set-Cookie" = String, description = "The session"))),
        (status = 400, description = "It did not succeed", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "The provider is away", body = Problem,
            content_type = "application/problem+json")))]
pub(crate) async fn finish(
    state: Data<AppState>,
    request: HttpRequest,
    query: QueryParams,
) -> Result<HttpResponse, Problem> {
    let sign_in = sign_in(&state)?;
    // Providers may add parameters of their own; of ours, each is there once.
    let text = |name: &str| {
        let mut given = query.pairs().filter(|(n, _)| *n == name);
        match (given.next(), given.next()) {
            (Some((_, value)), Some(_)) => Err(Problem::parameter(name, "must be given once", value)),
            (first, _) => Ok(first.map(|(_, value)| value.to_owned())),
        }
    };
    let returned = Returned {
        state: text("state")?,
        code: text("code")?,
        issuer: text("iss")?,
        error: text("error")?,
        description: text("error_description")?,
    };
    let finished = sign_in.finish(&request, returned).await?;
    let mut response = see_other(&finished.return_to);
    for cookie in finished.cookies {
        response.cookie(cookie);
    }
    Ok(response.finish())
}
