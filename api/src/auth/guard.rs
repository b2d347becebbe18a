//! The layer in front of every route that needs a token.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::AUTHORIZATION;
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, web};

use super::permit::permit;
use super::{Caller, Refused};
use crate::http::client_address;
use crate::problem::Problem;
use crate::signin::{SignIn, SignInError};
use crate::state::AppState;

/// Checks the token or the session, then the subject's rate limit, then what the caller may do.
///
/// # Errors
/// 401 where neither is taken, 403 where a session's request may come from another site, 429 where the subject asks too often, 403 or 404 where the caller may not.
pub async fn authenticate(
    state: web::Data<AppState>,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let session = match &state.sign_in {
        Some(sign_in) if !request.headers().contains_key(AUTHORIZATION) => {
            by_session(&state, sign_in, request.request()).await?
        }
        _ => None,
    };
    let mut caller = match session {
        Some(caller) => caller,
        None => by_token(&state, request.request()).await?,
    };
    state.rate.check(&caller.actor.subject)?;
    caller.actor.address = client_address::of(request.request());
    let context = caller.context(request.request());
    let noted = state.sightings.note(&caller, &context).await;
    noted.map_err(Problem::from)?;
    permit(&state, request.request(), &context).await?;
    request.extensions_mut().insert(caller);
    next.call(request).await
}

/// Who calls by a session; none where the request has no cookie of one. Whoever makes cookies up is not looked for in the
/// database again and again.
async fn by_session(
    state: &AppState,
    sign_in: &SignIn,
    request: &HttpRequest,
) -> Result<Option<Caller>, Problem> {
    if !sign_in.is_asked_by(request) {
        return Ok(None);
    }
    let bucket = client_address::bucket(request, "unknown-session");
    state.rate.may_ask(&bucket)?;
    let caller = sign_in.caller_of(request).await;
    if matches!(caller, Err(SignInError::Ended)) {
        state.rate.stranger(&bucket)?;
    }
    Ok(caller?)
}

/// Who calls by the bearer token of a request.
///
/// # Errors
/// 401 where there is none that is taken.
pub async fn by_token(state: &AppState, request: &HttpRequest) -> Result<Caller, Problem> {
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let header = headers.next().ok_or(Refused::Missing)?;
    if headers.next().is_some() {
        return Err(Refused::Scheme.into());
    }
    let text = header.to_str().map_err(|_| Refused::Scheme)?;
    let (scheme, token) = text.split_once(' ').ok_or(Refused::Scheme)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refused::Scheme.into());
    }
    Ok(state.verifier.verify(token.trim()).await?)
}
