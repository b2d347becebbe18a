//! Kubernetes' errors: `Status` objects.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::Target;
use super::kinds::Kind;
use crate::Reply;

/// One refusal.
#[derive(Debug)]
pub(super) struct Status {
    code: StatusCode,
    reason: &'static str,
    message: String,
    details: Value,
}

fn details(kind: &Kind, name: &str) -> Value {
    let mut details = json!({ "name": name, "kind": kind.plural });
    if let (false, Some(fields)) = (kind.group.is_empty(), details.as_object_mut()) {
        fields.insert("group".to_owned(), json!(kind.group));
    }
    details
}

impl Status {
    fn new(code: StatusCode, reason: &'static str, message: impl Into<String>, details: Value) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details,
        }
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "Unauthorized",
            "Unauthorized",
            Value::Null,
        )
    }

    /// A request without credentials is one of `system:anonymous`, who may do next to nothing.
    pub(super) fn anonymous(method: &Method, path: &str, target: Option<Target>) -> Self {
        let user = "User \"system:anonymous\" cannot";
        let Some(target) = target else {
            let verb = method.as_str().to_lowercase();
            let message = format!("forbidden: {user} {verb} path \"{path}\"");
            return Self::new(StatusCode::FORBIDDEN, "Forbidden", message, json!({}));
        };
        let verb = match *method {
            Method::GET if target.name.is_none() => "list",
            Method::GET => "get",
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            _ => "delete",
        };
        let scope = match &target.namespace {
            Some(namespace) => format!("in the namespace \"{namespace}\""),
            None => "at the cluster scope".to_owned(),
        };
        let name = target.name.unwrap_or_default();
        let subject = if name.is_empty() {
            target.kind.resource()
        } else {
            format!("{} \"{name}\"", target.kind.resource())
        };
        let message = format!(
            "{subject} is forbidden: {user} {verb} resource \"{}\" in API group \"{}\" {scope}",
            target.kind.plural, target.kind.group
        );
        Self::new(
            StatusCode::FORBIDDEN,
            "Forbidden",
            message,
            details(target.kind, &name),
        )
    }

    pub(super) fn forbidden(kind: &Kind, name: &str, why: &str) -> Self {
        let message = format!("{} \"{name}\" is forbidden: {why}", kind.resource());
        Self::new(StatusCode::FORBIDDEN, "Forbidden", message, details(kind, name))
    }

    pub(super) fn no_route() -> Self {
        let message = "the server could not find the requested resource";
        Self::new(StatusCode::NOT_FOUND, "NotFound", message, json!({}))
    }

    pub(super) fn not_found(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", kind.resource());
        Self::new(StatusCode::NOT_FOUND, "NotFound", message, details(kind, name))
    }

    pub(super) fn already_exists(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", kind.resource());
        Self::new(
            StatusCode::CONFLICT,
            "AlreadyExists",
            message,
            details(kind, name),
        )
    }

    pub(super) fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} \"{name}\": {why}",
            kind.resource()
        );
        Self::new(StatusCode::CONFLICT, "Conflict", message, details(kind, name))
    }

    /// Server-side apply found fields of another manager.
    pub(super) fn apply_conflict(conflicts: &[(String, String)]) -> Self {
        let plural = if conflicts.len() == 1 {
            "conflict"
        } else {
            "conflicts"
        };
        let list: Vec<String> = conflicts
            .iter()
            .map(|(m, f)| format!("conflict with \"{m}\": {f}"))
            .collect();
        let causes: Vec<Value> = conflicts
            .iter()
            .map(|(manager, field)| {
                json!({ "reason": "FieldManagerConflict", "message": format!("conflict with \"{manager}\""),
                        "field": field })
            })
            .collect();
        let message = format!(
            "Apply failed with {} {plural}: {}",
            conflicts.len(),
            list.join(", ")
        );
        Self::new(
            StatusCode::CONFLICT,
            "Conflict",
            message,
            json!({ "causes": causes }),
        )
    }

    pub(super) fn invalid(kind: &Kind, name: &str, field: &str, message: &str) -> Self {
        let text = format!("{} \"{name}\" is invalid: {field}: {message}", kind.qualified());
        let reason = if message.starts_with("Required") {
            "FieldValueRequired"
        } else {
            "FieldValueInvalid"
        };
        let mut details = details(kind, name);
        if let Some(fields) = details.as_object_mut() {
            fields.insert("kind".to_owned(), json!(kind.kind));
            let cause = json!({ "reason": reason, "message": message, "field": field });
            fields.insert("causes".to_owned(), json!([cause]));
        }
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", text, details)
    }

    /// Nothing runs behind a `Service`.
    pub(super) fn no_endpoints(service: &str) -> Self {
        let message = format!("no endpoints available for service \"{service}\"");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "ServiceUnavailable",
            message,
            Value::Null,
        )
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message, Value::Null)
    }

    pub(super) fn bad_json() -> Self {
        Self::bad_request("couldn't get version/kind; json parse error: the body is no JSON object")
    }

    pub(super) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            message,
            json!({}),
        )
    }

    pub(super) fn unsupported_media_type(given: &str) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: \
             application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, \
             application/apply-patch+yaml; got {given}"
        );
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UnsupportedMediaType",
            message,
            json!({}),
        )
    }
}

impl From<Status> for Reply {
    fn from(status: Status) -> Self {
        let mut body = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                               "message": status.message, "reason": status.reason,
                               "code": status.code.as_u16() });
        if let (false, Some(fields)) = (status.details.is_null(), body.as_object_mut()) {
            fields.insert("details".to_owned(), status.details);
        }
        Self::json(status.code, &body)
    }
}
