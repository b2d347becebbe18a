//! Problem documents (RFC 9457): the body of every error.

mod kind;
mod links;
mod of_command;
mod respond;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

pub use kind::ProblemKind;
pub use respond::internal;

/// A field at fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// JSON path of the field in the body, or the name of the parameter or header.
    #[schema(examples("components[0].name"))]
    pub field: String,
    /// The rule that it breaks, with its limit.
    #[schema(examples("only lower-case letters a-z, digits and hyphens"))]
    pub rule: String,
    /// The value, shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
}

/// Why a request was not carried out (RFC 9457, `application/problem+json`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Which problem it is; stable.
    #[serde(rename = "type")]
    #[schema(examples("urn:opstella:problem:name-taken"))]
    pub kind: String,
    /// The same for people.
    pub title: String,
    /// Status code of the answer.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What happened here.
    pub detail: String,
    /// The request's path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The request's id, as in `X-Request-Id` and in the logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Fields at fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(nullable = false)]
    pub errors: Vec<FieldError>,
    /// The state that the thing is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The commands that it takes in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepts: Option<Vec<String>>,
    /// The resource that is there already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing: Option<String>,
    /// Headers of the answer.
    #[serde(skip)]
    pub headers: Vec<(&'static str, String)>,
}

impl Problem {
    /// A problem of a kind, with what happened.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:opstella:problem:{}", kind.slug()),
            title: kind.title().to_owned(),
            status: kind.status().as_u16(),
            detail: detail.into(),
            instance: None,
            request_id: None,
            hint: None,
            errors: Vec::new(),
            state: None,
            accepts: None,
            existing: None,
            headers: Vec::new(),
        }
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Names a field at fault.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>, rule: impl Into<String>, value: Option<Value>) -> Self {
        self.errors.push(FieldError {
            field: field.into(),
            rule: rule.into(),
            value,
        });
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// A query or path parameter, or a header, that breaks a rule.
    pub fn parameter(name: &str, rule: impl Into<String>, value: &str) -> Self {
        let rule = rule.into();
        let shown = shown(value);
        Self::new(ProblemKind::InvalidParameter, format!("{name}: {rule}")).field(
            name,
            rule,
            Some(shown.into()),
        )
    }

    /// A body of a kind that is not read here: `header` says of which, `wanted` of which it may be.
    pub fn unsupported(header: &str, wanted: &str, given: &str) -> Self {
        let shown = shown(given);
        let detail = if shown.is_empty() {
            format!("the body has no {header}")
        } else {
            format!("the body's {header} is {shown}")
        };
        Self::new(ProblemKind::UnsupportedMediaType, detail)
            .hint(format!("send it with {header}: {wanted}"))
            .field(header, format!("must be {wanted}"), Some(shown.into()))
    }

    /// A field of the body that breaks a rule.
    pub fn invalid_field(field: &str, rule: impl Into<String>, value: Option<Value>) -> Self {
        let rule = rule.into();
        Self::new(ProblemKind::InvalidField, format!("{field}: {rule}")).field(field, rule, value)
    }

    /// Nothing of that name.
    pub fn not_found(kind: &str, id: &str) -> Self {
        let id: String = id.chars().take(200).collect();
        Self::new(ProblemKind::NotFound, format!("{kind} `{id}` does not exist"))
    }
}

/// A value, shortened.
fn shown(value: &str) -> String {
    value.chars().take(80).collect()
}
