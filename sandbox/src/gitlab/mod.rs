//! GitLab's REST API v4, as far as Opstella drives it.
//!
//! `world` is what exists, one module a resource says how it is made, read and deleted, `answers` has the error
//! bodies and `paging` the list headers. It behaves as an instance with immediate deletion until it is told otherwise.

mod answers;
mod branches;
mod checkout;
mod commit_changes;
mod deletion;
mod environments;
mod groups;
mod hooks;
mod paging;
mod project_params;
mod projects;
mod protected_branches;
mod repository;
mod variables;
mod world;

use std::sync::{Mutex, PoisonError};

use http::StatusCode;
use serde_json::{Value, json};

use crate::params::Params;
use crate::{Reply, Request, SandboxTool};
use answers::{Answer, Refusal};
pub(crate) use checkout::Checkout;
pub use deletion::Deletion;
use world::World;

/// The stand-in of a GitLab server with one administrator, `root`.
#[derive(Debug)]
pub struct GitLab {
    token: String,
    world: Mutex<World>,
}

/// One API call: the request with its parameters read and the path below `/api/v4` taken apart.
pub(crate) struct Call<'a> {
    pub(crate) request: &'a Request,
    pub(crate) params: Params,
}

impl Call<'_> {
    /// The HTTP method.
    pub(crate) fn method(&self) -> &str {
        self.request.method.as_str()
    }

    /// `http://host/gitlab`, for links.
    pub(crate) fn base(&self) -> &str {
        &self.request.base_url
    }
}

impl GitLab {
    /// An empty server whose administrator has this personal access token.
    pub fn new(token: impl Into<String>) -> Self {
        Self {
            token: token.into(),
            world: Mutex::new(World::default()),
        }
    }

    /// The URL and the secret token of each webhook of a repository: what it calls, and with what.
    pub fn webhooks(&self, path: &str) -> Vec<(String, Option<String>)> {
        let world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        let project = world
            .find_project_path(path)
            .and_then(|id| world.projects.get(&id));
        let hooks = project.into_iter().flat_map(|project| project.hooks.values());
        hooks
            .map(|hook| {
                let url = hook.fields.get("url").and_then(Value::as_str);
                (url.unwrap_or_default().to_owned(), hook.token.clone())
            })
            .collect()
    }

    /// How this instance deletes from now on.
    pub fn delete_by(&self, deletion: Deletion) {
        self.world.lock().unwrap_or_else(PoisonError::into_inner).deletion = deletion;
    }

    fn authorised(&self, request: &Request) -> bool {
        let bearer = request
            .header("authorization")
            .and_then(|v| v.strip_prefix("Bearer "));
        let given = request
            .header("private-token")
            .or(bearer)
            .or(request.query_value("private_token"));
        given == Some(self.token.as_str())
    }

    fn answer(&self, request: &Request) -> Answer {
        let segments = request.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let ["api", "v4", rest @ ..] = segments.as_slice() else {
            return Err(Refusal::no_such_route());
        };
        if !self.authorised(request) {
            return Err(Refusal::message(StatusCode::UNAUTHORIZED, "401 Unauthorized"));
        }
        let Some(params) = Params::of(request) else {
            return Err(Refusal::error(
                StatusCode::BAD_REQUEST,
                "The request body is not valid JSON",
            ));
        };
        let call = Call { request, params };
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        match (call.method(), rest) {
            ("GET", ["user"]) => Ok(Reply::json(StatusCode::OK, &user(call.base()))),
            ("GET", ["version"]) => Ok(Reply::json(
                StatusCode::OK,
                &json!({"version": "18.5.0-ee", "revision": "0a1b2c3d4e5"}),
            )),
            (_, ["groups", rest @ ..]) => groups::route(&mut world, &call, rest),
            (_, ["projects", rest @ ..]) => projects::route(&mut world, &call, rest),
            _ => Err(Refusal::no_such_route()),
        }
    }
}

impl SandboxTool for GitLab {
    fn name(&self) -> &'static str {
        "gitlab"
    }

    fn handle(&self, request: &Request) -> Reply {
        self.answer(request).unwrap_or_else(Refusal::into_reply)
    }

    fn operate(&self, request: &Request) -> Option<Reply> {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        deletion::operate(&mut world, request)
    }

    fn state(&self) -> Value {
        self.world.lock().unwrap_or_else(PoisonError::into_inner).state()
    }
}

fn user(base: &str) -> Value {
    json!({
        "id": 1, "username": "root", "name": "Administrator", "state": "active", "locked": false,
        "email": "root@example.com", "web_url": format!("{base}/root"), "is_admin": true,
        "can_create_group": true, "can_create_project": true, "external": false, "bot": false,
        "namespace_id": 1,
    })
}
