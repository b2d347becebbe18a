//! The authorization endpoint: a login form for the demo people, single sign-on by a cookie, codes with PKCE.

use std::sync::PoisonError;

use chrono::Utc;
use http::StatusCode;
use http::header::{COOKIE, LOCATION, SET_COOKIE};
use url::Url;
use uuid::Uuid;

use super::people::{self, Client};
use super::sessions::Code;
use super::{Keycloak, page};
use crate::params::Params;
use crate::{Reply, Request};

/// The parameter with which a test signs in as somebody without the form.
const APPROVE: &str = "sandbox_user";
/// Keycloak's cookie of its own session.
const IDENTITY: &str = "KEYCLOAK_IDENTITY";
/// Seconds that a code is good for.
const CODE_LIFETIME: i64 = 60;

/// A request whose client and redirection are right.
struct Asked<'a> {
    client: &'a Client,
    redirect: Url,
    params: &'a Params,
}

impl Keycloak {
    /// `GET auth`, and `POST` of its form.
    pub(super) fn authorize(&self, request: &Request) -> Reply {
        let params = Params::of(request).unwrap_or_default();
        let asked = match self.asked(&params) {
            Ok(asked) => asked,
            Err(reply) => return *reply,
        };
        if let Some((error, description)) = refusal(&params) {
            return self.back(&asked, &[("error", error), ("error_description", description)]);
        }
        let prompt = params.text("prompt").unwrap_or_default();
        if request.method == http::Method::POST {
            let username = params.text("username").unwrap_or_default();
            let password = params.text("password").unwrap_or_default();
            return match people::user(&username).filter(|user| user.password == password) {
                Some(user) => self.sign_in(&asked, user.username),
                None => page::login(request, Some("Invalid username or password.")),
            };
        }
        if let Some(user) = params.text(APPROVE).as_deref().and_then(people::user) {
            return self.sign_in(&asked, user.username);
        }
        let known = cookie(request).filter(|sid| prompt != "login" && self.person_of(sid).is_some());
        match known {
            Some(sid) => self.grant_code(&asked, &sid),
            None if prompt == "none" => self.back(&asked, &[("error", "login_required")]),
            None => page::login(request, None),
        }
    }

    /// Without the right client and redirection, the browser is sent nowhere.
    fn asked<'a>(&'a self, params: &'a Params) -> Result<Asked<'a>, Box<Reply>> {
        let wrong = |what: &str| Box::new(page::error(StatusCode::BAD_REQUEST, what));
        let id = params
            .filled("client_id")
            .ok_or_else(|| wrong("Missing parameters: client_id"))?;
        let client = self.clients.iter().find(|client| client.id == id);
        let client = client.ok_or_else(|| wrong("Client not found."))?;
        let redirect = params.filled("redirect_uri").and_then(|uri| loopback(&uri));
        let redirect = redirect.ok_or_else(|| wrong("Invalid parameter: redirect_uri"))?;
        Ok(Asked {
            client,
            redirect,
            params,
        })
    }

    fn sign_in(&self, asked: &Asked<'_>, username: &str) -> Reply {
        let sid = self.open_session(username);
        let cookie =
            format!("{IDENTITY}={sid}; Version=1; Path=/keycloak/realms/opstella/; HttpOnly; SameSite=Lax");
        self.grant_code(asked, &sid).with_header(SET_COOKIE, &cookie)
    }

    fn grant_code(&self, asked: &Asked<'_>, sid: &str) -> Reply {
        let text = |name: &str| asked.params.text(name);
        let code = format!("{}.{sid}.{}", Uuid::new_v4(), Uuid::new_v4());
        let kept = Code {
            client_id: asked.client.id.clone(),
            redirect_uri: text("redirect_uri").unwrap_or_default(),
            sid: sid.to_owned(),
            scope: text("scope").unwrap_or_default(),
            nonce: text("nonce"),
            challenge: text("code_challenge"),
            expires_at: Utc::now().timestamp() + CODE_LIFETIME,
            used: false,
        };
        self.sso
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .codes
            .insert(code.clone(), kept);
        self.back(asked, &[("session_state", sid), ("code", &code)])
    }

    /// Sends the browser back to the client.
    fn back(&self, asked: &Asked<'_>, answer: &[(&str, &str)]) -> Reply {
        let mut url = asked.redirect.clone();
        let state = asked.params.text("state");
        {
            let mut query = url.query_pairs_mut();
            query.extend_pairs(state.iter().map(|state| ("state", state)));
            query.extend_pairs(answer);
            query.append_pair("iss", &self.issuer());
        }
        Reply::empty(StatusCode::FOUND).with_header(LOCATION, url.as_str())
    }
}

/// What is wrong with a request, as Keycloak tells its client.
fn refusal(params: &Params) -> Option<(&'static str, &'static str)> {
    match params.filled("response_type").as_deref() {
        Some("code") => {}
        Some(_) => return Some(("unsupported_response_type", "Unsupported response_type")),
        None => return Some(("invalid_request", "Missing parameter: response_type")),
    }
    let challenge = params.filled("code_challenge");
    match (challenge, params.filled("code_challenge_method").as_deref()) {
        (None, None) => None,
        (None, Some(_)) => Some(("invalid_request", "Missing parameter: code_challenge")),
        (Some(challenge), Some("S256")) if challenge.len() == 43 => None,
        (Some(_), Some("S256")) => Some(("invalid_request", "Invalid parameter: code_challenge")),
        _ => Some(("invalid_request", "Invalid parameter: code_challenge_method")),
    }
}

/// Clients of the sandbox may come back to any place on this machine: their port is not known beforehand.
pub(super) fn loopback(uri: &str) -> Option<Url> {
    let url = Url::parse(uri).ok()?;
    let here = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    (here && url.fragment().is_none() && matches!(url.scheme(), "http" | "https")).then_some(url)
}

/// The browser's session here.
pub(super) fn cookie(request: &Request) -> Option<String> {
    let all = request.headers.get_all(COOKIE).iter();
    let mut pairs = all
        .filter_map(|header| header.to_str().ok())
        .flat_map(|text| text.split(';'));
    pairs.find_map(|pair| {
        pair.trim()
            .strip_prefix(IDENTITY)?
            .strip_prefix('=')
            .map(str::to_owned)
    })
}

/// What takes the browser's session away.
pub(super) fn no_cookie() -> String {
    format!("{IDENTITY}=; Version=1; Path=/keycloak/realms/opstella/; Max-Age=0; HttpOnly")
}
