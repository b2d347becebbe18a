//! `/auth`: signing in and out with a browser. No bearer token; what is asked for is the session's cookie.

mod login;
mod logout;
mod session;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::LOCATION;
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{Error, HttpResponse};

pub(crate) use login::{__path_begin, __path_finish};
pub(crate) use logout::{__path_backchannel, __path_clear, __path_clear_by_link, __path_sign_out};
pub(crate) use session::__path_session;

use crate::http::{client_address, fallback};
use crate::problem::{Problem, ProblemKind};
use crate::signin::SignIn;
use crate::state::AppState;

/// Where the routes begin.
pub const BASE: &str = "/auth";

/// Where the provider, rather than a browser, asks.
const BACK_CHANNEL: &str = "/auth/backchannel-logout";

/// Lets in as many requests of an address as of a subject elsewhere. The provider's logouts do not count with what browsers
/// ask from the same address.
async fn front(
    state: Data<AppState>,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let back_channel = request.match_pattern().as_deref() == Some(BACK_CHANNEL);
    let purpose = if back_channel { "back-channel" } else { "address" };
    state
        .rate
        .check(&client_address::bucket(request.request(), purpose))?;
    next.call(request).await
}

fn sign_in(state: &AppState) -> Result<&SignIn, Problem> {
    state.sign_in.as_ref().ok_or_else(|| {
        Problem::new(
            ProblemKind::SignInDisabled,
            "signing in with a browser is not configured here",
        )
        .hint("send a bearer token; who runs Opstella turns it on by setting oidc.client_id")
    })
}

fn see_other(url: &str) -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::SeeOther();
    response.insert_header((LOCATION, url));
    response
}

pub(super) fn configure(app: &mut ServiceConfig) {
    app.service(
        web::scope(BASE)
            .wrap(from_fn(front))
            .service(web::resource("/login").get(login::begin))
            .service(web::resource("/callback").get(login::finish))
            .service(web::resource("/session").get(session::session))
            .service(web::resource("/logout").post(logout::sign_out))
            .service(
                web::resource("/clear-session")
                    .get(logout::clear_by_link)
                    .post(logout::clear),
            )
            .service(web::resource("/backchannel-logout").post(logout::backchannel))
            .default_service(web::to(fallback::no_such_route)),
    );
}
