//! SonarQube's Web API, as far as Opstella drives it.
//!
//! Calls are `api/CONTROLLER/ACTION`; what they change comes as a form. `world` is what exists, one module a
//! controller answers for it.

mod analyses;
mod answers;
mod gates;
mod projects;
mod tokens;
mod webhooks;
mod world;

use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::StatusCode;
use serde_json::{Value, json};

use crate::params::Params;
use crate::{Reply, Request, SandboxTool};
pub use analyses::Delivery;
use answers::{Answer, Refusal, ok};
use world::{TokenKind, World};

/// The stand-in of a SonarQube server with one administrator, `admin`.
pub struct SonarQube {
    token: String,
    world: Mutex<World>,
}

const VERSION: &str = "2026.1.0.119033";

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    Administrator,
    /// An analysis token: may analyse and read, no more.
    Analysis,
    Nobody,
}

impl SonarQube {
    /// An empty server whose administrator has this token.
    pub fn new(token: impl Into<String>) -> Self {
        Self {
            token: token.into(),
            world: Mutex::new(World::default()),
        }
    }

    /// An analysis of a commit ends; what SonarQube sends to webhooks then. `None` where there is no such project.
    pub fn analyse(&self, project: &str, revision: &str, status: &str) -> Option<Vec<Delivery>> {
        analyses::analyse(&mut self.world(), project, revision, status)
    }

    /// Somebody resolves issues of the newest analysis, and the gate has another status; what SonarQube sends then.
    pub fn triage(&self, project: &str, status: &str) -> Option<Vec<Delivery>> {
        analyses::triage(&mut self.world(), project, status)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn caller(&self, world: &World, request: &Request) -> Caller {
        let Some(token) = given_token(request) else {
            return Caller::Nobody;
        };
        if token == self.token {
            return Caller::Administrator;
        }
        match world.tokens.iter().find(|t| t.secret == token).map(|t| t.kind) {
            Some(TokenKind::User) => Caller::Administrator,
            Some(TokenKind::GlobalAnalysis | TokenKind::ProjectAnalysis) => Caller::Analysis,
            None => Caller::Nobody,
        }
    }

    fn answer(&self, request: &Request) -> Answer {
        let mut world = self.world();
        let caller = self.caller(&world, request);
        let path = request.path.trim_start_matches('/');
        match path {
            "api/system/status" => {
                return ok(&json!({"id": "7AF1B2C3-AZsandbox", "version": VERSION, "status": "UP"}));
            }
            "api/server/version" => return Ok(Reply::text(StatusCode::OK, "text/plain", VERSION)),
            "api/authentication/validate" => return ok(&json!({"valid": caller != Caller::Nobody})),
            _ => {}
        }
        if caller == Caller::Nobody {
            // SonarQube refuses without a word.
            return Err(Refusal::unauthorised());
        }
        let action = path
            .strip_prefix("api/")
            .and_then(|p| ACTIONS.iter().find(|(name, ..)| *name == p));
        let Some((_, method, administrators_only, act)) = action else {
            return Err(Refusal::new(
                StatusCode::NOT_FOUND,
                &format!("Unknown url : {}", request.path),
            ));
        };
        if request.method.as_str() != *method {
            return Err(Refusal::new(
                StatusCode::METHOD_NOT_ALLOWED,
                &format!("HTTP method {method} is required"),
            ));
        }
        if *administrators_only && caller != Caller::Administrator {
            return Err(Refusal::new(StatusCode::FORBIDDEN, "Insufficient privileges"));
        }
        act(&mut world, &Params::of(request).unwrap_or_default())
    }
}

type Act = fn(&mut World, &Params) -> Answer;

/// Path below `api/`, method, whether only administrators may, and what it does.
const ACTIONS: &[(&str, &str, bool, Act)] = &[
    ("projects/create", "POST", true, projects::create),
    ("projects/search", "GET", true, projects::search),
    ("projects/delete", "POST", true, projects::delete),
    (
        "projects/update_visibility",
        "POST",
        true,
        projects::update_visibility,
    ),
    ("components/show", "GET", false, projects::show),
    ("project_tags/set", "POST", true, projects::set_tags),
    ("qualitygates/list", "GET", false, gates::list),
    ("qualitygates/show", "GET", false, gates::show),
    ("qualitygates/create", "POST", true, gates::create),
    ("qualitygates/destroy", "POST", true, gates::destroy),
    (
        "qualitygates/create_condition",
        "POST",
        true,
        gates::create_condition,
    ),
    (
        "qualitygates/delete_condition",
        "POST",
        true,
        gates::delete_condition,
    ),
    ("qualitygates/set_as_default", "POST", true, gates::set_as_default),
    ("qualitygates/select", "POST", true, gates::select),
    ("qualitygates/deselect", "POST", true, gates::deselect),
    ("qualitygates/search", "GET", false, gates::search),
    ("qualitygates/get_by_project", "GET", false, gates::get_by_project),
    (
        "qualitygates/project_status",
        "GET",
        false,
        analyses::project_status,
    ),
    ("project_analyses/search", "GET", false, analyses::search),
    ("user_tokens/generate", "POST", true, tokens::generate),
    ("user_tokens/search", "GET", true, tokens::search),
    ("user_tokens/revoke", "POST", true, tokens::revoke),
    ("webhooks/create", "POST", true, webhooks::create),
    ("webhooks/list", "GET", true, webhooks::list),
    ("webhooks/update", "POST", true, webhooks::update),
    ("webhooks/delete", "POST", true, webhooks::delete),
];

/// A token comes as Bearer, or as the user of Basic with an empty password.
fn given_token(request: &Request) -> Option<String> {
    let header = request.header("authorization")?;
    if let Some(token) = header.strip_prefix("Bearer ") {
        return Some(token.to_owned());
    }
    let decoded = BASE64.decode(header.strip_prefix("Basic ")?).ok()?;
    let pair = String::from_utf8(decoded).ok()?;
    let (user, password) = pair.split_once(':').unwrap_or((&pair, ""));
    password.is_empty().then(|| user.to_owned())
}

impl SandboxTool for SonarQube {
    fn name(&self) -> &'static str {
        "sonarqube"
    }

    fn handle(&self, request: &Request) -> Reply {
        self.answer(request).unwrap_or_else(Refusal::into_reply)
    }

    fn operate(&self, request: &Request) -> Option<Reply> {
        analyses::operate(&mut self.world(), request)
    }

    fn state(&self) -> Value {
        self.world().state()
    }
}
