//! Harbor's API v2.0: projects, robots, labels, retention policies, repositories and artifacts.

mod artifacts;
mod keeping;
mod labels;
mod manifests;
mod metadata;
mod operate;
mod paging;
mod problem;
mod projects;
mod retentions;
mod robots;
mod store;

use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{SecondsFormat, Utc};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{Reply, Request, SandboxTool};
pub use artifacts::Pushed;
use problem::Problem;
use store::Store;

type Answer = Result<Reply, Problem>;

/// A Harbor with one administrator and the project `library`, as freshly installed.
#[derive(Debug)]
pub struct Harbor {
    user: String,
    password: String,
    store: Mutex<Store>,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Caller {
    Anonymous,
    Admin,
    Robot(i64),
}

impl Harbor {
    /// A fresh installation; `user` is its administrator.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            user: user.into(),
            password: password.into(),
            store: Mutex::new(Store::fresh()),
        }
    }

    /// Stores an artifact as `docker push` would; `repository` lacks the project's name. The repository is made
    /// on the first push. `None` where the project does not exist.
    pub fn push(&self, project: &str, repository: &str, tag: &str, digest: &str) -> Option<Pushed> {
        artifacts::push_all(&mut self.store(), project, repository, &[tag.to_owned()], digest)
    }

    /// The digest of the artifact that has a tag; `repository` lacks the project's name.
    pub fn tagged(&self, project: &str, repository: &str, tag: &str) -> Option<String> {
        let store = self.store();
        let repository = store.repositories.get(&format!("{project}/{repository}"))?;
        let mut artifacts = repository.artifacts.iter();
        artifacts.find_map(|(digest, artifact)| artifact.tags.contains_key(tag).then(|| digest.clone()))
    }

    /// The configuration of an artifact from now on, by its digest: the registry's manifest names it.
    pub fn configured(&self, pushed: &Pushed, config: &str) {
        artifacts::configured(&mut self.store(), pushed, config);
    }

    /// What the scanner says of an artifact from now on, as the API shows it.
    pub fn scanned(&self, pushed: &Pushed, overview: Value) {
        artifacts::scanned(&mut self.store(), pushed, overview);
    }

    /// What the scanner found in an artifact, by media type, from now on: the reports behind the overview.
    pub fn found(&self, pushed: &Pushed, reports: Value) {
        artifacts::found(&mut self.store(), pushed, reports);
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn caller(&self, request: &Request, store: &Store) -> Result<Caller, Problem> {
        let Some(header) = request.header("authorization") else {
            return Ok(Caller::Anonymous);
        };
        let credentials = header
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
            .and_then(|(_, encoded)| STANDARD.decode(encoded.trim()).ok())
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(Problem::unauthorized)?;
        let (name, secret) = credentials.split_once(':').ok_or_else(Problem::unauthorized)?;
        if name == self.user && secret == self.password {
            return Ok(Caller::Admin);
        }
        store
            .robots
            .values()
            .find(|r| store.robot_name(r) == name && r.secret == secret && !r.disabled)
            .map(|r| Caller::Robot(r.id))
            .ok_or_else(Problem::unauthorized)
    }

    fn route(&self, request: &Request) -> Answer {
        let segments = request.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let mut store = self.store();
        let caller = self.caller(request, &store)?;
        if let (&Method::GET, ["v2", project, repository, "manifests", digest]) =
            (&request.method, segments.as_slice())
        {
            let call = Call {
                request,
                caller,
                store: &mut store,
            };
            return manifests::get(&call, project, repository, digest);
        }
        let Some(path) = segments.strip_prefix(&["api", "v2.0"]) else {
            return Err(Problem::no_route());
        };
        match (&request.method, path) {
            (&Method::GET, ["health"]) => return Ok(health()),
            (&Method::GET, ["ping"]) => return Ok(Reply::text(StatusCode::OK, "text/plain", "Pong")),
            (&Method::GET, ["systeminfo"]) => return Ok(system_info(request, &caller)),
            _ => {}
        }
        let mut call = Call {
            request,
            caller,
            store: &mut store,
        };
        match path {
            ["users", "current"] if request.method == Method::GET => self.current_user(&call),
            ["projects", rest @ ..] => match rest {
                [_, "metadatas", name @ ..] => metadata::route(&mut call, rest.first().copied(), name),
                [_, "repositories" | "artifacts", ..] => artifacts::route(&mut call, rest),
                _ => projects::route(&mut call, rest),
            },
            ["labels", rest @ ..] => labels::route(&mut call, rest),
            ["robots", rest @ ..] => robots::route(&mut call, rest),
            ["retentions", rest @ ..] => retentions::route(&mut call, rest),
            _ => Err(Problem::no_route()),
        }
    }

    fn current_user(&self, call: &Call<'_>) -> Answer {
        match call.caller {
            Caller::Admin => Ok(Reply::json(
                StatusCode::OK,
                &json!({ "user_id": 1, "username": self.user, "sysadmin_flag": true,
                         "admin_role_in_auth": false, "realname": "system admin", "comment": "admin user",
                         "email": "admin@example.com", "creation_time": now(), "update_time": now() }),
            )),
            Caller::Anonymous => Err(Problem::unauthorized()),
            Caller::Robot(_) => Err(Problem::forbidden()),
        }
    }
}

/// A request with its caller and the state that it may change.
struct Call<'a> {
    request: &'a Request,
    caller: Caller,
    store: &'a mut Store,
}

impl Call<'_> {
    /// The caller may do this; `project` is `None` for what belongs to the system.
    fn require(&self, project: Option<&str>, resource: &str, action: &str) -> Result<(), Problem> {
        match self.caller {
            Caller::Admin => Ok(()),
            Caller::Anonymous => Err(Problem::unauthorized()),
            Caller::Robot(id) => {
                let allowed = self
                    .store
                    .robots
                    .get(&id)
                    .is_some_and(|robot| robot.may(project, resource, action));
                if allowed {
                    Ok(())
                } else {
                    Err(Problem::forbidden())
                }
            }
        }
    }

    fn require_signed_in(&self) -> Result<(), Problem> {
        if self.caller == Caller::Anonymous {
            Err(Problem::unauthorized())
        } else {
            Ok(())
        }
    }

    fn body(&self) -> Result<Value, Problem> {
        self.request
            .json::<Value>()
            .filter(Value::is_object)
            .ok_or_else(|| {
                Problem::unprocessable("parsing body body from \"\" failed, because of invalid JSON")
            })
    }

    /// A path for `Location` and `Link`. Harbor gives it from the root of its host, whatever prefix a proxy in
    /// front of it has; clients count on the `/api/v2.0` at its start.
    fn location(&self, below: &str) -> String {
        format!("/api/v2.0{below}")
    }
}

impl SandboxTool for Harbor {
    fn name(&self) -> &'static str {
        "harbor"
    }

    fn handle(&self, request: &Request) -> Reply {
        let reply = self.route(request).unwrap_or_else(Reply::from);
        reply.with_header(
            http::HeaderName::from_static("x-request-id"),
            &uuid::Uuid::new_v4().to_string(),
        )
    }

    fn operate(&self, request: &Request) -> Option<Reply> {
        operate::answer(&mut self.store(), request)
    }

    fn state(&self) -> Value {
        self.store().summary()
    }
}

fn health() -> Reply {
    let components: Vec<Value> = [
        "core",
        "database",
        "jobservice",
        "portal",
        "redis",
        "registry",
        "registryctl",
        "trivy",
    ]
    .iter()
    .map(|name| json!({ "name": name, "status": "healthy" }))
    .collect();
    Reply::json(
        StatusCode::OK,
        &json!({ "status": "healthy", "components": components }),
    )
}

fn system_info(request: &Request, caller: &Caller) -> Reply {
    let mut info = json!({
        "auth_mode": "db_auth", "primary_auth_mode": false, "self_registration": false,
        "banner_message": "", "external_url": request.base_url,
    });
    // What the installation is made of is for those who are signed in.
    if *caller != Caller::Anonymous
        && let Some(fields) = info.as_object_mut()
    {
        fields.insert("harbor_version".to_owned(), json!("v2.16.0-sandbox"));
        fields.insert("registry_url".to_owned(), json!(request.base_url));
        fields.insert("project_creation_restriction".to_owned(), json!("everyone"));
        fields.insert("has_ca_root".to_owned(), json!(false));
        fields.insert("read_only".to_owned(), json!(false));
        fields.insert("notification_enable".to_owned(), json!(true));
        fields.insert("registry_storage_provider_name".to_owned(), json!("filesystem"));
        fields.insert("current_time".to_owned(), json!(now()));
    }
    Reply::json(StatusCode::OK, &info)
}

fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Harbor's rule for the names of projects, repositories and robots.
fn is_name(name: &str, longest: usize) -> bool {
    let part = |p: &str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    name.len() <= longest && name.split(['.', '_', '-']).all(part)
}

fn str_of<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field).and_then(Value::as_str)
}
