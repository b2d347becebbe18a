//! JSON bodies: parsed once, with the field at fault named.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{FromRequest, HttpRequest, web};
use futures::StreamExt;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::distinct::{self, Read};
use crate::problem::{Problem, ProblemKind};
use crate::state::AppState;

/// What a body is, where it is no JSON. The deepest nesting is serde_json's own limit.
const JSON: &str = "one JSON value (RFC 8259) in UTF-8, nested at most 127 deep";

/// A parsed body, and the fingerprint of the request: the same for bodies that differ in spaces and order only.
#[derive(Debug, Clone)]
pub struct JsonBody<T> {
    /// What was sent.
    pub value: T,
    /// SHA-256 of method, path and canonical body.
    pub fingerprint: String,
}

impl<T: DeserializeOwned + 'static> FromRequest for JsonBody<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            check_type(&request)?;
            let limit = limit(&request);
            let bytes = read(&request, payload, limit).await?;
            let json = parse(&bytes)?;
            let fingerprint = fingerprint(&request, &json);
            let value = typed(json)?;
            Ok(Self { value, fingerprint })
        })
    }
}

/// A command that needs no more than its path: an empty object.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub struct EmptyRequest {}

fn check_type(request: &HttpRequest) -> Result<(), Problem> {
    let given = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Problem::unsupported("Content-Type", "application/json", given))
}

/// Most bytes of a body.
pub(super) fn limit(request: &HttpRequest) -> usize {
    request
        .app_data::<web::Data<AppState>>()
        .map_or(1 << 20, |state| state.config.limits.body_bytes)
}

/// Reads a body of at most so many bytes.
pub(super) async fn read(
    request: &HttpRequest,
    mut payload: Payload,
    limit: usize,
) -> Result<Vec<u8>, Problem> {
    let too_large = || {
        Problem::new(ProblemKind::TooLarge, format!("a body has at most {limit} bytes"))
            .field("body", format!("at most {limit} bytes"), None)
            .header("Connection", "close")
    };
    let announced = request
        .headers()
        .get("content-length")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(announced.unwrap_or_default());
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| {
            Problem::new(
                ProblemKind::BadRequest,
                format!("the body cannot be read: {error}"),
            )
            .field("body", "must arrive whole", None)
        })?;
        if bytes.len() + chunk.len() > limit {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn parse(bytes: &[u8]) -> Result<Value, Problem> {
    let Read { json, twice } = distinct::read(bytes).map_err(|error| {
        Problem::new(
            ProblemKind::MalformedJson,
            format!("the body is no JSON: {error}"),
        )
        .field("body", format!("must be {JSON}"), None)
    })?;
    if let Some(field) = twice {
        let field = field.replace('\0', "\u{fffd}");
        return Err(Problem::invalid_field(
            &field,
            "is there twice: send it once",
            None,
        ));
    }
    match with_nul(&json, String::new()) {
        Some(field) => Err(Problem::invalid_field(
            &field,
            "must not contain the character NUL",
            None,
        )),
        None => Ok(json),
    }
}

/// The path of a field of the object at a path.
pub(super) fn child(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// The path of the first text that holds a NUL, which PostgreSQL's text cannot.
fn with_nul(json: &Value, path: String) -> Option<String> {
    match json {
        Value::String(text) => text.contains('\0').then_some(path),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| with_nul(item, format!("{path}[{index}]"))),
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            let path = child(&path, &name.replace('\0', "\u{fffd}"));
            if name.contains('\0') {
                Some(path)
            } else {
                with_nul(value, path)
            }
        }),
        _ => None,
    }
}

fn typed<T: DeserializeOwned>(json: Value) -> Result<T, Problem> {
    // serde would take an array as the fields in their order.
    if !json.is_object() {
        return Err(Problem::invalid_field("body", "must be a JSON object", None));
    }
    // Events of later versions may have fields that this one does not know; so the domain's types take any. A request
    // may not: what is misspelt must not be taken for not asked.
    let mut unknown = None;
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(json, &mut track);
    let mut note = |path: serde_ignored::Path<'_>| {
        unknown.get_or_insert_with(|| path_of(&path));
    };
    let value = T::deserialize(serde_ignored::Deserializer::new(tracked, &mut note)).map_err(|error| {
        let path = track.path().to_string();
        let path = if path == "." { "body".to_owned() } else { path };
        let text = error.to_string();
        match split(&text) {
            Some((value, rule)) => Problem::invalid_field(&path, rule, Some(value.into())),
            None => {
                let field = missing_field(&text, &path).unwrap_or(path);
                Problem::invalid_field(&field, text, None)
            }
        }
    })?;
    match unknown {
        None => Ok(value),
        Some(path) => Err(Problem::invalid_field(
            &path,
            "unknown field: look for its name in the description of the API, or leave it out",
            None,
        )),
    }
}

/// A path as in [`Problem`]s.
fn path_of(path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path;
    match path {
        Path::Root => String::new(),
        Path::Seq { parent, index } => format!("{}[{index}]", path_of(parent)),
        Path::Map { parent, key } => child(&path_of(parent), key),
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => {
            path_of(parent)
        }
    }
}

/// Value and rule of the domain's ``service name `X` is not valid: rule``.
fn split(text: &str) -> Option<(&str, &str)> {
    let (left, rule) = text.split_once("` is not valid: ")?;
    let (_, value) = left.split_once('`')?;
    Some((value, rule))
}

/// serde names a missing field in words; its path is that of the object.
fn missing_field(text: &str, path: &str) -> Option<String> {
    let name = text.strip_prefix("missing field `")?.strip_suffix('`')?;
    Some(if path == "body" {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    })
}

fn fingerprint(request: &HttpRequest, json: &Value) -> String {
    let mut canonical = String::new();
    canonicalise(json, &mut canonical);
    fingerprint_of(request, canonical.as_bytes())
}

/// SHA-256 of method, path and body.
pub(super) fn fingerprint_of(request: &HttpRequest, body: &[u8]) -> String {
    let mut hash = Sha256::new();
    for part in [request.method().as_str(), request.path(), request.query_string()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.update(body);
    hex::encode(hash.finalize())
}

/// JSON without spaces, names sorted.
fn canonicalise(json: &Value, out: &mut String) {
    match json {
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by(|a, b| a.0.cmp(b.0));
            out.push('{');
            for (name, value) in sorted {
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                canonicalise(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                canonicalise(item, out);
                out.push(',');
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[serde(rename = "items")]
        _items: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[serde(rename = "name")]
        _name: opstella_domain::ServiceName,
    }

    #[test]
    fn the_field_at_fault_is_named() {
        for (body, field, rule) in [
            (
                json!({"items": [{"name": "Bad"}]}),
                "items[0].name",
                "only lower-case",
            ),
            (json!({"items": [{}]}), "items[0].name", "missing field"),
            (json!({}), "items", "missing field"),
            (
                json!({"items": [{"name": "a", "more": 1}]}),
                "items[0].more",
                "unknown field",
            ),
            (json!({"items": 1}), "items", "invalid type"),
            (json!([]), "body", "JSON object"),
            (json!([[]]), "body", "JSON object"),
        ] {
            let problem = typed::<Outer>(body.clone()).unwrap_err();
            let error = problem.errors.first().unwrap();
            assert_eq!(error.field, field, "{body}: {error:?}");
            assert!(error.rule.contains(rule), "{body}: {error:?}");
        }
    }

    #[test]
    fn spaces_and_order_do_not_matter_to_the_canonical_form() {
        let canonical = |text: &str| {
            let mut out = String::new();
            canonicalise(&serde_json::from_str(text).unwrap(), &mut out);
            out
        };
        assert_eq!(
            canonical(r#"{"b": [1, 2], "a": "x"}"#),
            canonical(r#"{"a":"x","b":[1,2]}"#)
        );
        assert_ne!(canonical(r#"{"a": 1}"#), canonical(r#"{"a": "1"}"#));
    }

    #[test]
    fn nul_is_refused_with_its_path() {
        assert_eq!(
            with_nul(&json!({"a": [{"b": "x\u{0}"}]}), String::new()).as_deref(),
            Some("a[0].b")
        );
    }
}
