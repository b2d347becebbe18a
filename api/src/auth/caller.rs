//! Who calls, as handlers see it.

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use opstella_commands::CommandContext;
use opstella_domain::ProjectSlug;
use opstella_domain::access::{Grants, Roles, table};
use opstella_journal::Actor;
use opstella_projections::queries::{Reader, SetupReader};

use super::Refused;
use crate::http::observe::RequestIds;
use crate::problem::Problem;

/// What a browser's session is stored under: the digest of its cookie.
pub type SessionId = [u8; 32];

/// Who calls, and with which roles. What these allow is decided by the table of permissions.
#[derive(Debug, Clone)]
pub struct Caller {
    /// What events will say.
    pub actor: Actor,
    /// The roles that the token gives.
    pub grants: Arc<Grants>,
    /// When the token ends, in seconds since 1970.
    pub expires_at: u64,
    /// The session that the caller came by; none with a bearer token.
    pub session: Option<SessionId>,
    /// The provider's name of the session that the token is of (`sid`), where the token says.
    pub provider_session: Option<String>,
}

impl Caller {
    /// The caller of a request that was authenticated.
    ///
    /// # Errors
    /// 401 where it was not.
    pub fn of(request: &HttpRequest) -> Result<Self, Problem> {
        request
            .extensions()
            .get::<Self>()
            .cloned()
            .ok_or_else(|| Refused::Missing.into())
    }

    /// The context in which the caller asks something in this request.
    pub fn context(&self, request: &HttpRequest) -> CommandContext {
        let ids = request.extensions().get::<RequestIds>().cloned();
        CommandContext {
            actor: self.actor.clone(),
            grants: Arc::clone(&self.grants),
            correlation: ids
                .as_ref()
                .map_or_else(String::new, |ids| ids.correlation.clone()),
            traceparent: ids.and_then(|ids| ids.traceparent),
            ..CommandContext::default()
        }
    }

    /// Whether the caller reads all projects, and what concerns none.
    pub fn oversees(&self) -> bool {
        table::oversees(self.grants.everywhere())
    }

    /// Whose eyes a list is for.
    pub fn reader(&self) -> Reader {
        if self.oversees() {
            return Reader::Everything;
        }
        let member = self.grants.counts_membership();
        let setup = table::rule("ListSubscriptions").map_or(Roles::NONE, |rule| rule.needed(true));
        let reads_setup = |project: &&ProjectSlug| self.grants.in_project(project).meets(setup);
        Reader::Some {
            setup: SetupReader {
                roles: setup.iter().map(|role| role.to_string()).collect(),
                projects: self
                    .grants
                    .projects()
                    .filter(reads_setup)
                    .map(ToString::to_string)
                    .collect(),
            },
            member: member.then(|| self.actor.subject.clone()),
            projects: self.grants.projects().map(ToString::to_string).collect(),
        }
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request))
    }
}
