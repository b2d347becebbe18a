//! The few pages that a browser sees.

use http::StatusCode;

use crate::{Reply, Request};

const HTML: &str = "text/html;charset=utf-8";

/// The login form. It posts to the address that it came from.
pub(super) fn login(request: &Request, error: Option<&str>) -> Reply {
    let error = error.map(|text| format!("<p id=\"input-error\">{}</p>", escape(text)));
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(
        request
            .query
            .iter()
            .filter(|(name, _)| name != "username" && name != "password"),
    );
    let action = escape(&format!(
        "{}{}?{}",
        request.base_url,
        request.path,
        query.finish()
    ));
    let form = format!(
        "<h1>Sign in to the sandbox</h1>{}<form id=\"kc-form-login\" method=\"post\" action=\"{action}\">\
         <label>Name <input name=\"username\" autofocus autocomplete=\"username\"></label> \
         <label>Password <input name=\"password\" type=\"password\"></label> <button>Sign In</button></form>\
         <p>The demo people are root, alice, bob, carol, dave, erin, frank; each password is the name and -demo.</p>",
        error.unwrap_or_default()
    );
    page(StatusCode::OK, &form)
}

/// What went wrong.
pub(super) fn error(status: StatusCode, what: &str) -> Reply {
    let what = escape(what);
    page(
        status,
        &format!("<h1>We are sorry...</h1><p id=\"kc-error-message\">{what}</p>"),
    )
}

/// Whether to log out, where nothing proves that the client asks.
pub(super) fn confirm_logout() -> Reply {
    page(
        StatusCode::OK,
        "<h1>Logging out</h1><p>Do you want to log out?</p>",
    )
}

/// Logged out, with nowhere to go.
pub(super) fn logged_out() -> Reply {
    page(StatusCode::OK, "<h1>You are logged out</h1>")
}

fn page(status: StatusCode, body: &str) -> Reply {
    let html = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Sandbox Keycloak</title></head>\
         <body>{body}</body></html>"
    );
    Reply::text(status, HTML, html)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
