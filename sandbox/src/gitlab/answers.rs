//! GitLab's error bodies.

use http::{Method, StatusCode, header};
use serde_json::{Value, json};

use crate::{Reply, Request};

/// An answer, or why not.
pub(crate) type Answer = Result<Reply, Refusal>;

/// An answer that says no.
#[derive(Debug)]
pub(crate) struct Refusal(Box<Reply>);

impl Refusal {
    pub(crate) fn into_reply(self) -> Reply {
        *self.0
    }

    fn body(status: StatusCode, body: &Value) -> Self {
        Self(Box::new(Reply::json(status, body)))
    }

    /// `{"message": "..."}`.
    pub(crate) fn message(status: StatusCode, message: &str) -> Self {
        Self::body(status, &json!({"message": message}))
    }

    /// `{"error": "..."}`: how the parameter check in front of GitLab's API speaks.
    pub(crate) fn error(status: StatusCode, error: &str) -> Self {
        Self::body(status, &json!({"error": error}))
    }

    /// 400 with `{"message": "..."}`.
    pub(crate) fn bad(message: &str) -> Self {
        Self::message(StatusCode::BAD_REQUEST, message)
    }

    /// 400 with `{"message": {"field": ["why"]}}`.
    pub(crate) fn invalid(field: &str, why: &str) -> Self {
        Self::body(StatusCode::BAD_REQUEST, &json!({"message": {field: [why]}}))
    }

    /// 400 with several fields at fault.
    pub(crate) fn invalid_fields(fields: &[(&str, &str)]) -> Self {
        let fields: serde_json::Map<String, Value> = fields
            .iter()
            .map(|(field, why)| ((*field).to_owned(), json!([why])))
            .collect();
        Self::body(StatusCode::BAD_REQUEST, &json!({"message": fields}))
    }

    /// 400 with `{"error": "x is missing"}`.
    pub(crate) fn missing(names: &[&str]) -> Self {
        let error: Vec<String> = names.iter().map(|n| format!("{n} is missing")).collect();
        Self::error(StatusCode::BAD_REQUEST, &error.join(", "))
    }

    /// 404 with `{"message": "404 Project Not Found"}`.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::message(StatusCode::NOT_FOUND, &format!("404 {what} Not Found"))
    }

    /// 404 of a record without a name of its own.
    pub(crate) fn no_record() -> Self {
        Self::message(StatusCode::NOT_FOUND, "404 Not found")
    }

    /// 404 of a path that the API does not have.
    pub(crate) fn no_such_route() -> Self {
        Self::error(StatusCode::NOT_FOUND, "404 Not Found")
    }
}

/// The answer about a project by a path where it was before.
pub(crate) fn moved(request: &Request, id: u64, rest: &[&str]) -> Refusal {
    if request.method != Method::GET {
        return Refusal::message(
            StatusCode::METHOD_NOT_ALLOWED,
            "Non GET methods are not allowed for moved projects",
        );
    }
    let below: String = rest.iter().map(|segment| format!("/{segment}")).collect();
    let location = format!("{}/api/v4/projects/{id}{below}", request.base_url);
    let text = format!("This resource has been moved permanently to {location}.");
    let reply = Reply::text(StatusCode::MOVED_PERMANENTLY, "text/plain; charset=utf-8", text);
    Refusal(Box::new(reply.with_header(header::LOCATION, &location)))
}

/// Sets a field of a JSON object.
pub(crate) fn set(body: &mut Value, name: &str, value: Value) {
    if let Some(fields) = body.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

/// 200 with a JSON body.
pub(crate) fn ok(body: &Value) -> Answer {
    Ok(Reply::json(StatusCode::OK, body))
}

/// 201 with a JSON body.
pub(crate) fn created(body: &Value) -> Answer {
    Ok(Reply::json(StatusCode::CREATED, body))
}

/// 204.
pub(crate) fn no_content() -> Answer {
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

/// 202 of a deletion.
pub(crate) fn accepted() -> Answer {
    Ok(Reply::json(
        StatusCode::ACCEPTED,
        &json!({"message": "202 Accepted"}),
    ))
}
