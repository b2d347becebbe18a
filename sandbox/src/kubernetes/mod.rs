//! The part of a Kubernetes API server that namespaces and what belongs into them needs.

mod discovery;
mod kinds;
mod objects;
mod owners;
pub(crate) mod patch;
mod proxy;
pub(crate) mod selector;
mod status;
mod verbs;

use std::sync::{Arc, Mutex, PoisonError};

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{ArgoCd, Reply, Request, SandboxTool};
use kinds::Kind;
use objects::Store;
use status::Status;

type Answer = Result<Reply, Status>;

/// A cluster as freshly installed, with one bearer token that may do everything.
#[derive(Debug)]
pub struct Kubernetes {
    token: String,
    store: Mutex<Store>,
    argocd: Option<Arc<ArgoCd>>,
}

/// What a path means: a kind, where, and which.
#[derive(Debug, Clone)]
struct Target {
    kind: &'static Kind,
    namespace: Option<String>,
    name: Option<String>,
}

impl Kubernetes {
    /// A fresh cluster; `bearer_token` is its administrator's.
    pub fn new(bearer_token: impl Into<String>) -> Self {
        Self {
            token: bearer_token.into(),
            store: Mutex::new(Store::fresh()),
            argocd: None,
        }
    }

    /// What runs in it is what this Argo CD deployed. Without, nothing runs.
    #[must_use]
    pub fn running(mut self, argocd: Arc<ArgoCd>) -> Self {
        self.argocd = Some(argocd);
        self
    }

    fn route(&self, request: &Request) -> Answer {
        let segments = request.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let signed_in = match request.header("authorization") {
            None => false,
            Some(header) if header.strip_prefix("Bearer ").map(str::trim) == Some(&self.token) => true,
            Some(_) => return Err(Status::unauthorized()),
        };
        match segments.as_slice() {
            ["version"] => return Ok(discovery::version()),
            ["healthz" | "livez" | "readyz"] => return Ok(Reply::text(StatusCode::OK, "text/plain", "ok")),
            _ => {}
        }
        if !signed_in {
            return Err(Status::anonymous(
                &request.method,
                &request.path,
                target(&segments),
            ));
        }
        if request.method == Method::GET
            && let Some(reply) = discovery::answer(request, &segments)
        {
            return Ok(reply);
        }
        if let ["apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"] = segments.as_slice() {
            return access_review(request);
        }
        if let [
            "api",
            "v1",
            "namespaces",
            namespace,
            "services",
            service,
            "proxy",
            ..,
        ] = segments.as_slice()
        {
            return self.proxied(request, namespace, service);
        }
        let target = target(&segments).ok_or_else(Status::no_route)?;
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        verbs::answer(&mut store, request, target)
    }
}

impl SandboxTool for Kubernetes {
    fn name(&self) -> &'static str {
        "kubernetes"
    }

    fn handle(&self, request: &Request) -> Reply {
        let reply = self.route(request).unwrap_or_else(Reply::from);
        reply.with_header(
            http::HeaderName::from_static("audit-id"),
            &uuid::Uuid::new_v4().to_string(),
        )
    }

    fn state(&self) -> Value {
        self.store
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .summary()
    }
}

/// `/api/v1/...` and `/apis/GROUP/VERSION/...`, with or without `namespaces/NS` in between.
fn target(segments: &[&str]) -> Option<Target> {
    let (group, version, rest) = match segments {
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return None,
    };
    let (namespace, rest) = match rest {
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some((*namespace).to_owned()), rest),
        rest => (None, rest),
    };
    let (plural, name) = match rest {
        [plural] => (*plural, None),
        [plural, name] => (*plural, Some((*name).to_owned())),
        _ => return None,
    };
    let kind = Kind::find(group, version, plural)?;
    // A namespaced kind is only listed without its namespace, and a cluster's kind is in none.
    let fits = if kind.namespaced {
        namespace.is_some() || name.is_none()
    } else {
        namespace.is_none()
    };
    fits.then_some(Target {
        kind,
        namespace,
        name,
    })
}

/// The administrator may do everything.
fn access_review(request: &Request) -> Answer {
    let mut review = request
        .json::<Value>()
        .filter(Value::is_object)
        .ok_or_else(Status::bad_json)?;
    if let Some(fields) = review.as_object_mut() {
        fields.insert("apiVersion".to_owned(), json!("authorization.k8s.io/v1"));
        fields.insert("kind".to_owned(), json!("SelfSubjectAccessReview"));
        fields.insert("metadata".to_owned(), json!({}));
        fields.insert("status".to_owned(), json!({ "allowed": true }));
    }
    Ok(Reply::json(StatusCode::CREATED, &review))
}
