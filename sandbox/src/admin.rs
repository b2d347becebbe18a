//! `/_sandbox/...`: the sandbox's own routes.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::serving::Inner;
use crate::{Fault, Reply, Request};

/// Answers one request below `/_sandbox`.
pub(crate) fn handle(inner: &Inner, request: &Request) -> Reply {
    match (request.method.clone(), request.path.as_str()) {
        (Method::GET, "/health") => {
            Reply::json(StatusCode::OK, &json!({"status": "ok", "tools": inner.names()}))
        }
        (Method::GET, "/state") => Reply::json(StatusCode::OK, &inner.state()),
        (Method::GET, "/faults") => Reply::json(StatusCode::OK, &faults(inner)),
        (Method::POST, "/faults") => add_fault(inner, request),
        (Method::DELETE, "/faults") => {
            inner.faults.clear();
            Reply::empty(StatusCode::NO_CONTENT)
        }
        (_, "/health" | "/state" | "/faults") => refuse(
            StatusCode::METHOD_NOT_ALLOWED,
            "this route does not take that method",
        ),
        _ => operate(inner, request),
    }
}

/// `/_sandbox/TOOL/...` is the tool's own.
fn operate(inner: &Inner, request: &Request) -> Reply {
    let path = request.path.trim_start_matches('/');
    let (name, rest) = path.split_once('/').unwrap_or((path, ""));
    let tool = inner.tools().iter().find(|tool| tool.name() == name);
    let request = Request {
        path: format!("/{rest}"),
        ..request.clone()
    };
    tool.and_then(|tool| tool.operate(&request)).unwrap_or_else(|| {
        refuse(
            StatusCode::NOT_FOUND,
            "use GET /_sandbox/health, GET /_sandbox/state, GET, POST, DELETE \
             /_sandbox/faults, POST /_sandbox/gitlab/deletion, POST /_sandbox/harbor/artifacts, POST /_sandbox/sonarqube/analyses, POST, DELETE \
             /_sandbox/argocd/images, or POST \
             /_sandbox/argocd/applications/NAME/images",
        )
    })
}

fn add_fault(inner: &Inner, request: &Request) -> Reply {
    let fault = match serde_json::from_slice::<Fault>(&request.body) {
        Ok(fault) => fault,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    match inner.faults.add(fault, &inner.names()) {
        Ok(id) => Reply::json(StatusCode::CREATED, &json!({"id": id})),
        Err(error) => refuse(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

fn faults(inner: &Inner) -> Value {
    json!({"faults": inner.faults.list(), "hits": inner.faults.hits()})
}

pub(crate) fn refuse(status: StatusCode, error: &str) -> Reply {
    Reply::json(status, &json!({"error": error}))
}
