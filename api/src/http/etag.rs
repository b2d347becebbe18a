//! Versions as entity tags.

use actix_web::http::header::HeaderMap;

use crate::problem::Problem;

/// The tag of a version.
pub fn of(version: u64) -> String {
    format!("\"{version}\"")
}

/// The version that `If-Match` asks for. `*` asks for none.
pub(super) fn if_match(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let mut values = headers.get_all("if-match");
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
    if text.trim() == "*" {
        return Ok(None);
    }
    let version = text
        .trim()
        .strip_prefix('"')
        .and_then(|t| t.strip_suffix('"'))
        .filter(|t| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|t| t.parse::<u64>().ok());
    match (version, values.next()) {
        (Some(version), None) => Ok(Some(version)),
        _ => Err(Problem::parameter(
            "If-Match",
            "one entity tag as ETag gave it, such as \"3\", or *",
            &text,
        )),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn only_our_tags_are_taken() {
        let read = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(
                HeaderName::from_static("if-match"),
                HeaderValue::from_static(text),
            );
            if_match(&headers)
        };
        assert_eq!(read("\"3\"").unwrap(), Some(3));
        assert_eq!(read("*").unwrap(), None);
        for wrong in ["3", "W/\"3\"", "\"a\"", "\"1\", \"2\"", "\"-1\""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
