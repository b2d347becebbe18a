//! Problem documents (RFC 9457) as the client reads them.

use std::fmt;

use serde_json::{Value, json};

use crate::values::{list, word_at};

/// Why the server did not do it.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Status code of the answer.
    pub status: u16,
    /// The document as it came.
    pub document: Value,
    /// What people are told instead, where the client knows better what to do.
    pub(crate) instead: Option<String>,
}

impl Problem {
    /// Reads the body of an answer; what is no problem document becomes one.
    pub(crate) fn read(status: u16, body: &[u8]) -> Self {
        let document = match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Value::Object(fields),
            _ => json!({"title": "the answer is no problem document: is this an Opstella server?"}),
        };
        Self {
            status,
            document,
            instead: None,
        }
    }

    /// A problem that the client words itself.
    pub(crate) fn said(status: u16, detail: &str, hint: &str) -> Self {
        let document = json!({"status": status, "detail": detail, "hint": hint});
        Self {
            status,
            document,
            instead: None,
        }
    }

    /// Status and kind: `409 name-taken`.
    pub(crate) fn code(&self) -> String {
        format!("{} {}", self.status, self.slug()).trim_end().to_owned()
    }

    /// The last part of its type: `name-taken`.
    pub(crate) fn slug(&self) -> &str {
        let kind = self.document.get("type").and_then(Value::as_str);
        kind.and_then(|kind| kind.rsplit(':').next()).unwrap_or_default()
    }
}

impl fmt::Display for Problem {
    /// One line: what happened, which fields, what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(instead) = &self.instead {
            return f.write_str(instead);
        }
        let word = |pointer: &str| word_at(&self.document, pointer);
        let detail = word("/detail");
        let detail = if detail.is_empty() { word("/title") } else { detail };
        write!(f, "{detail}")?;
        for error in list(self.document.get("errors").unwrap_or(&Value::Null)) {
            let (field, rule) = (word_at(error, "/field"), word_at(error, "/rule"));
            // The detail often is the only error, in the same words.
            if !detail.contains(&rule) {
                write!(f, "; {field}: {rule}")?;
            }
        }
        let hint = word("/hint");
        if !hint.is_empty() {
            write!(f, " ({hint})")?;
        }
        if self.status >= 500 && !word("/request_id").is_empty() {
            write!(f, " [request {}]", word("/request_id"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_one_line() {
        let body = json!({
            "type": "urn:opstella:problem:invalid-field", "title": "A field breaks a rule", "status": 422,
            "detail": "name: only a-z", "hint": "choose another", "request_id": "r1",
            "errors": [{"field": "name", "rule": "only a-z"}, {"field": "owner", "rule": "at most 255"}],
        });
        let problem = Problem::read(422, body.to_string().as_bytes());
        assert_eq!(
            problem.to_string(),
            "name: only a-z; owner: at most 255 (choose another)"
        );
        assert_eq!(problem.code(), "422 invalid-field");
    }

    #[test]
    fn a_proxys_page_is_no_problem_document() {
        let problem = Problem::read(502, b"<html>Bad Gateway</html>");
        assert!(
            problem
                .to_string()
                .starts_with("the answer is no problem document"),
            "{problem}"
        );
        assert_eq!(problem.code(), "502");
    }
}
