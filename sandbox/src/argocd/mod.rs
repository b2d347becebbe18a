//! Argo CD: projects and applications, and what these run.
//!
//! `rendered` says what is to run, `progress` makes it run, `store` has what runs.

mod applications;
mod fields;
mod operate;
mod problem;
mod progress;
mod projects;
mod rendered;
mod status;
mod store;
mod sync;
mod validation;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::{GitLab, Reply, Request, SandboxTool};
use problem::Problem;
use store::Store;

type Answer = Result<Reply, Problem>;

/// An Argo CD with one administrator's token and the project `default`, as freshly installed.
#[derive(Debug)]
pub struct ArgoCd {
    accounts: BTreeMap<String, Account>,
    store: Mutex<Store>,
    gitlab: Option<Arc<GitLab>>,
    pace: u32,
}

/// How an application stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// What runs, sorted.
    pub images: Vec<String>,
    /// `Synced` or `OutOfSync` at the last comparison.
    pub sync: String,
    /// `Healthy`, `Missing`, …
    pub health: String,
}

/// Who asks.
#[derive(Debug, Clone)]
struct Account {
    name: String,
    /// Projects that the account may work in; `None` is the administrator's everything.
    projects: Option<Vec<String>>,
}

impl Account {
    fn may(&self, project: &str) -> bool {
        self.projects
            .as_ref()
            .is_none_or(|allowed| allowed.iter().any(|p| p == project))
    }
}

impl ArgoCd {
    /// A fresh installation; `token` is its administrator's.
    pub fn new(token: impl Into<String>) -> Self {
        let admin = Account {
            name: "admin".to_owned(),
            projects: None,
        };
        Self {
            accounts: BTreeMap::from([(token.into(), admin)]),
            store: Mutex::new(Store::fresh()),
            gitlab: None,
            pace: 0,
        }
    }

    /// The repositories that it deploys from. Without, every repository is there and deploys no image.
    #[must_use]
    pub fn deploying_from(mut self, gitlab: Arc<GitLab>) -> Self {
        self.gitlab = Some(gitlab);
        self
    }

    /// How many looks at an application find a sync under way, and then its rollout, before it is done; none unless
    /// told.
    #[must_use]
    pub fn with_pace(mut self, looks: u32) -> Self {
        self.pace = looks;
        self
    }

    /// One more account, which may work with these projects' applications only.
    #[must_use]
    pub fn with_account(mut self, token: &str, name: &str, projects: &[&str]) -> Self {
        let projects = Some(projects.iter().map(|p| (*p).to_owned()).collect());
        self.accounts.insert(
            token.to_owned(),
            Account {
                name: name.to_owned(),
                projects,
            },
        );
        self
    }

    /// Sets an application's health (`Healthy`, `Progressing`, `Degraded`, `Suspended`, `Missing`); `false`
    /// where it runs nothing. A sync makes it healthy again.
    pub fn set_health(&self, application: &str, health: &str) -> bool {
        match self.store().running.get_mut(application) {
            Some(running) => {
                running.told = Some(health.to_owned());
                true
            }
            None => false,
        }
    }

    /// How whatever runs an image is from now on, by the image's name or a part of it such as the digest; `Healthy`
    /// takes that back.
    pub fn judge(&self, image: &str, health: &str, message: &str) {
        self.store().judge(image, health, message);
    }

    /// How an application stands, without a look that moves it on; `None` where there is none.
    pub fn standing(&self, application: &str) -> Option<Standing> {
        let store = self.store();
        let shown = store.applications.get(application)?;
        let running = store.running.get(application);
        Some(Standing {
            images: running
                .map(|r| r.images.iter().cloned().collect())
                .unwrap_or_default(),
            sync: text(shown, "/status/sync/status").to_owned(),
            health: running.map_or_else(|| "Missing".to_owned(), |r| store.health(r).0),
        })
    }

    /// Whether something healthy runs behind a `Service` of a namespace.
    pub(crate) fn answers(&self, namespace: &str, service: &str) -> bool {
        let store = self.store();
        let there = |(name, application): (&String, &Value)| {
            let running = store.running.get(name)?;
            let here = text(application, "/spec/destination/namespace") == namespace;
            Some(here && running.services.contains(service) && store.health(running).0 == "Healthy")
        };
        store.applications.iter().any(|app| there(app) == Some(true))
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn account(&self, request: &Request) -> Result<Option<Account>, Problem> {
        let bearer = request
            .header("authorization")
            .and_then(|h| h.strip_prefix("Bearer "));
        let cookie = request
            .header("cookie")
            .into_iter()
            .flat_map(|header| header.split(';'))
            .find_map(|pair| pair.trim().strip_prefix("argocd.token="));
        let Some(token) = bearer.or(cookie) else {
            return Ok(None);
        };
        let account = self.accounts.get(token.trim()).cloned();
        account
            .map(Some)
            .ok_or_else(|| Problem::unauthenticated("invalid session: token is malformed"))
    }

    fn route(&self, request: &Request) -> Answer {
        let segments = request.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let account = self.account(request)?;
        match (&request.method, segments.as_slice()) {
            (&Method::GET, ["api", "version"]) => return Ok(version(account.is_some())),
            (&Method::GET, ["api", "v1", "session", "userinfo"]) => return Ok(user_info(account)),
            (&Method::GET, ["healthz"]) => return Ok(Reply::text(StatusCode::OK, "text/plain", "ok")),
            _ => {}
        }
        let account = account.ok_or_else(|| Problem::unauthenticated("no session information"))?;
        let mut call = Call {
            request,
            account,
            store: &mut self.store(),
            gitlab: self.gitlab.as_ref(),
            pace: self.pace,
        };
        match segments.as_slice() {
            ["api", "v1", "projects", rest @ ..] => projects::route(&mut call, rest),
            ["api", "v1", "applications", rest @ ..] => applications::route(&mut call, rest),
            _ => Err(Problem::no_route()),
        }
    }
}

/// A request with its account and the state that it may change.
struct Call<'a> {
    request: &'a Request,
    account: Account,
    store: &'a mut Store,
    gitlab: Option<&'a Arc<GitLab>>,
    pace: u32,
}

impl Call<'_> {
    fn body(&self) -> Result<Value, Problem> {
        if self.request.body.is_empty() {
            return Ok(json!({}));
        }
        self.request
            .json::<Value>()
            .filter(Value::is_object)
            .ok_or_else(|| Problem::invalid("invalid character in the request's body: JSON expected"))
    }

    fn flag(&self, name: &str) -> Option<bool> {
        self.request.query_value(name).and_then(|v| v.parse().ok())
    }

    fn values(&self, name: &str) -> Vec<&str> {
        let pairs = self
            .request
            .query
            .iter()
            .filter(|(k, v)| k == name && !v.is_empty());
        pairs.map(|(_, v)| v.as_str()).collect()
    }
}

impl SandboxTool for ArgoCd {
    fn name(&self) -> &'static str {
        "argocd"
    }

    fn handle(&self, request: &Request) -> Reply {
        self.route(request).unwrap_or_else(Reply::from)
    }

    fn operate(&self, request: &Request) -> Option<Reply> {
        operate::answer(&mut self.store(), request)
    }

    fn state(&self) -> Value {
        self.store().summary()
    }
}

/// Without a session only the version itself is told.
fn version(signed_in: bool) -> Reply {
    let mut body = Map::from_iter([("Version".to_owned(), json!("v3.6.0+sandbox"))]);
    if signed_in {
        for (field, value) in [
            ("BuildDate", "2026-01-01T00:00:00Z"),
            ("GitCommit", "0000000000000000000000000000000000000000"),
            ("GitTreeState", "clean"),
            ("GoVersion", "go1.25"),
            ("Compiler", "gc"),
            ("Platform", "linux/amd64"),
            ("KustomizeVersion", "v5.7.0"),
            ("HelmVersion", "v3.19.0"),
        ] {
            body.insert(field.to_owned(), json!(value));
        }
    }
    Reply::json(StatusCode::OK, &Value::Object(body))
}

fn user_info(account: Option<Account>) -> Reply {
    let body = match account {
        Some(account) => {
            json!({ "loggedIn": true, "username": account.name, "iss": "argocd", "groups": [] })
        }
        None => json!({ "loggedIn": false }),
    };
    Reply::json(StatusCode::OK, &body)
}

fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Sets a field of an object that may be anything.
fn put(object: &mut Value, field: &str, value: Value) {
    if !object.is_object() {
        *object = json!({});
    }
    if let Some(fields) = object.as_object_mut() {
        fields.insert(field.to_owned(), value);
    }
}
