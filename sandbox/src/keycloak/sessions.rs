//! What the realm remembers: people's sessions, codes and refresh tokens; and the ends of sessions.

use std::collections::{BTreeSet, HashMap};
use std::sync::PoisonError;

use chrono::Utc;
use http::StatusCode;
use http::header::{LOCATION, SET_COOKIE};
use serde_json::json;
use uuid::Uuid;

use super::authorize::{cookie, loopback, no_cookie};
use super::{Keycloak, backchannel, page, people};
use crate::params::Params;
use crate::{Reply, Request};

/// Everything that is remembered.
#[derive(Debug, Default)]
pub(super) struct Sso {
    /// By `sid`.
    pub sessions: HashMap<String, PersonSession>,
    pub codes: HashMap<String, Code>,
    /// By refresh token.
    pub refresh: HashMap<String, Refresh>,
    /// Where clients want to be told of logouts.
    pub backchannel: HashMap<String, String>,
}

/// Somebody who is signed in, and at which clients.
#[derive(Debug, Clone)]
pub(super) struct PersonSession {
    pub username: String,
    pub clients: BTreeSet<String>,
}

/// What a code stands for.
#[derive(Debug, Clone)]
pub(super) struct Code {
    pub client_id: String,
    pub redirect_uri: String,
    pub sid: String,
    pub scope: String,
    pub nonce: Option<String>,
    pub challenge: Option<String>,
    pub expires_at: i64,
    pub used: bool,
}

/// What a refresh token stands for.
#[derive(Debug, Clone)]
pub(super) struct Refresh {
    pub sid: String,
    pub client_id: String,
    pub scope: String,
    pub expires_at: i64,
    /// Each is good for one time.
    pub used: bool,
}

impl Keycloak {
    /// Calls this URL when a session at this client ends.
    pub fn set_backchannel_logout_url(&self, client_id: &str, url: &str) {
        let mut sso = self.sso.lock().unwrap_or_else(PoisonError::into_inner);
        sso.backchannel.insert(client_id.to_owned(), url.to_owned());
    }

    /// The ids of somebody's sessions.
    pub fn sessions_of(&self, username: &str) -> Vec<String> {
        let sso = self.sso.lock().unwrap_or_else(PoisonError::into_inner);
        let of = sso.sessions.iter().filter(|(_, s)| s.username == username);
        of.map(|(sid, _)| sid.clone()).collect()
    }

    /// Ends a session, as an administrator does: its clients are told.
    pub fn end_person_session(&self, sid: &str) {
        let (session, urls) = {
            let mut sso = self.sso.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(session) = sso.sessions.remove(sid) else {
                return;
            };
            sso.refresh.retain(|_, refresh| refresh.sid != sid);
            sso.codes.retain(|_, code| code.sid != sid);
            let urls: Vec<_> = session
                .clients
                .iter()
                .filter_map(|client| Some((client.clone(), sso.backchannel.get(client)?.clone())))
                .collect();
            (session, urls)
        };
        for (client, url) in urls {
            backchannel::call(url, self.logout_token(&session.username, &client, sid));
        }
    }

    /// The token that tells a client of a logout.
    pub fn logout_token(&self, username: &str, client_id: &str, sid: &str) -> String {
        let now = Utc::now().timestamp();
        self.issue(json!({
            "typ": "Logout", "sub": people::subject(username), "aud": client_id, "sid": sid, "iat": now,
            "exp": now + 120, "acr": null, "azp": null, "preferred_username": null,
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        }))
    }

    pub(super) fn open_session(&self, username: &str) -> String {
        let sid = Uuid::new_v4().to_string();
        let session = PersonSession {
            username: username.to_owned(),
            clients: BTreeSet::new(),
        };
        let mut sso = self.sso.lock().unwrap_or_else(PoisonError::into_inner);
        sso.sessions.insert(sid.clone(), session);
        sid
    }

    pub(super) fn person_of(&self, sid: &str) -> Option<String> {
        let sso = self.sso.lock().unwrap_or_else(PoisonError::into_inner);
        sso.sessions.get(sid).map(|session| session.username.clone())
    }

    /// RP-initiated logout: `GET logout`, or `POST` of a form without a refresh token.
    pub(super) fn logout_by_browser(&self, request: &Request) -> Reply {
        let params = Params::of(request).unwrap_or_default();
        let hint = match params.filled("id_token_hint") {
            Some(token) => match self.verify_expired(&token) {
                Some(claims) => Some(claims),
                None => return page::error(StatusCode::BAD_REQUEST, "Invalid parameter: id_token_hint"),
            },
            None => None,
        };
        let back = match params.filled("post_logout_redirect_uri") {
            Some(uri) => match loopback(&uri) {
                Some(url) if hint.is_some() || params.has("client_id") => Some(url),
                Some(_) => {
                    let what = "Missing parameters: id_token_hint or client_id";
                    return page::error(StatusCode::BAD_REQUEST, what);
                }
                None => return page::error(StatusCode::BAD_REQUEST, "Invalid redirect uri"),
            },
            None => None,
        };
        let Some(hint) = hint else {
            return page::confirm_logout();
        };
        if let Some(sid) = hint.get("sid").and_then(|sid| sid.as_str()) {
            self.end_person_session(sid);
        }
        if let Some(sid) = cookie(request) {
            self.end_person_session(&sid);
        }
        let reply = match back {
            Some(mut url) => {
                if let Some(state) = params.text("state") {
                    url.query_pairs_mut().append_pair("state", &state);
                }
                Reply::empty(StatusCode::FOUND).with_header(LOCATION, url.as_str())
            }
            None => page::logged_out(),
        };
        reply.with_header(SET_COOKIE, &no_cookie())
    }
}
