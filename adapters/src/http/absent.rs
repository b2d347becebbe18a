//! Whether a 404 is the tool's own: an ingress that does not know the tool for a moment answers 404 as well, and what it
//! does not find may well be there.

use http::{HeaderMap, StatusCode, header};
use opstella_domain::Tool;
use serde_json::{Map, Value};

use super::Answer;
use crate::StepError;

/// The failure of a 404 that something else than the tool gave.
pub(super) fn from_elsewhere(answer: &Answer) -> Option<StepError> {
    if answer.status != StatusCode::NOT_FOUND || is_tools(answer) {
        return None;
    }
    let text = match answer.error_text() {
        text if text.is_empty() => "nothing".to_owned(),
        text => format!("`{text}`"),
    };
    let kind = content_type(&answer.headers);
    let kind = kind.map(|kind| format!(" ({kind})")).unwrap_or_default();
    Some(StepError::Transient {
        message: format!(
            "{}: {} answered 404 with {text}{kind}, which is not how it says that something is not there; something \
             between us and the tool answers, such as an ingress that does not find it: check the URL of the connection",
            answer.tool, answer.what
        ),
        retry_after: None,
    })
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::CONTENT_TYPE)?.to_str().ok()
}

fn is_tools(answer: &Answer) -> bool {
    // Without a body only its type tells, of which a tool gives none or JSON's.
    if answer.what.starts_with("HEAD ") {
        return content_type(&answer.headers).is_none_or(|kind| kind.starts_with("application/json"));
    }
    serde_json::from_slice(&answer.body).is_ok_and(|body| is_shaped_as(answer.tool, &body))
}

/// Whether a tool says so that something is not there. API gateways answer JSON, too.
fn is_shaped_as(tool: Tool, body: &Map<String, Value>) -> bool {
    let errors = |inner: &str| {
        let errors = body.get("errors").and_then(Value::as_array);
        errors.is_some_and(|errors| !errors.is_empty() && errors.iter().all(|e| e.get(inner).is_some()))
    };
    match tool {
        // `404 Project Not Found`, and Gitaly's words where a repository has no commit.
        Tool::GitLab => ["message", "error"]
            .iter()
            .filter_map(|field| body.get(*field)?.as_str())
            .any(|text| text.contains("404") || text.starts_with("invalid revision")),
        Tool::Harbor => errors("code"),
        Tool::SonarQube => errors("msg"),
        // No errors where there is nothing; of a deleted version there is an envelope.
        Tool::Vault => body.get("errors").is_some_and(Value::is_array) || body.contains_key("request_id"),
        Tool::Kubernetes => body.get("kind").is_some_and(|kind| kind == "Status"),
        // gRPC's code of what is not found.
        Tool::ArgoCd => body.get("code").is_some_and(|code| code == 5),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(tool: Tool, what: &str, kind: Option<&'static str>, body: &str) -> Option<StepError> {
        let kind = kind.map(|kind| (header::CONTENT_TYPE, http::HeaderValue::from_static(kind)));
        let body = body.to_owned().into();
        from_elsewhere(&Answer::of(
            tool,
            what.into(),
            StatusCode::NOT_FOUND,
            HeaderMap::from_iter(kind),
            body,
        ))
    }

    #[test]
    fn a_tool_says_in_its_own_words_that_something_is_not_there() {
        let own = [
            (Tool::GitLab, json!({"message": "404 Project Not Found"})),
            (Tool::GitLab, json!({"error": "404 Not Found"})),
            (
                Tool::Harbor,
                json!({"errors": [{"code": "NOT_FOUND", "message": "project x not found"}]}),
            ),
            (
                Tool::SonarQube,
                json!({"errors": [{"msg": "Component key 'x' not found"}]}),
            ),
            (Tool::Vault, json!({"errors": []})),
            (Tool::Vault, json!({"errors": ["no handler for route"]})),
            (
                Tool::Vault,
                json!({"request_id": "1", "data": {"data": null, "metadata": {}}}),
            ),
            (Tool::Kubernetes, json!({"kind": "Status", "code": 404})),
            (
                Tool::ArgoCd,
                json!({"error": "not found", "code": 5, "message": "not found"}),
            ),
        ];
        for (tool, body) in &own {
            assert!(
                of(*tool, "GET /x", None, &body.to_string()).is_none(),
                "{tool}: {body}"
            );
        }
    }

    #[test]
    fn what_stands_between_does_not() {
        let others = [
            "",
            "default backend - 404",
            "404 page not found",
            "<html>404 Not Found</html>",
            "[]",
            r#""404""#,
            r#"{"message":"no Route matched with those values"}"#,
            r#"{"message":"Not Found"}"#,
        ];
        for tool in Tool::all() {
            for body in others {
                let error = of(tool, "GET /x", Some("text/html"), body);
                assert!(
                    matches!(error, Some(StepError::Transient { .. })),
                    "{tool}: {body}"
                );
            }
        }
    }

    #[test]
    fn an_answer_without_body_is_judged_by_its_type() {
        let of = |kind| of(Tool::Harbor, "HEAD /x", kind, "");
        assert!(of(None).is_none());
        assert!(of(Some("application/json; charset=utf-8")).is_none());
        for kind in ["text/html", "text/plain; charset=utf-8"] {
            let text = of(Some(kind)).unwrap().to_string();
            assert!(text.contains(kind), "{text}");
        }
    }
}
