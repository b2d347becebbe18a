//! Reading what people and servers write: lengths of time, points in time, JSON.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;
use uuid::Uuid;

/// Longest length of time that is taken: a year.
const LONGEST: u64 = 365 * 24 * 3600;

/// A length of time: `90s`, `30m`, `12h`, `7d`; a bare number is seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let rule = || "a length of time such as 90s, 30m, 12h or 7d, at least 1s and at most 365d".to_owned();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..).unwrap_or_default() {
        "" | "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        _ => return Err(rule()),
    };
    let count: u64 = digits.parse().map_err(|_| rule())?;
    match count.checked_mul(unit) {
        Some(seconds) if (1..=LONGEST).contains(&seconds) => Ok(Duration::from_secs(seconds)),
        _ => Err(rule()),
    }
}

/// A point in time (RFC 3339).
pub(crate) fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    text.parse()
        .map_err(|_| "a point in time such as 2026-12-24T18:00:00Z (RFC 3339)".to_owned())
}

/// A point in time as the API writes it.
pub(crate) fn rfc3339(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// What a JSON pointer (RFC 6901) points to; null where there is nothing.
pub(crate) fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

/// A value in words: text as it is, lists with commas, nothing as nothing.
pub(crate) fn words(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(words).collect::<Vec<_>>().join(", "),
        Value::Object(_) => value.to_string(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
    }
}

/// The words of what a pointer points to.
pub(crate) fn word_at(value: &Value, pointer: &str) -> String {
    words(at(value, pointer))
}

/// Somebody, for people: of an id that is a UUID its beginning.
pub(crate) fn who(value: &Value, pointer: &str) -> String {
    let one = |subject: &Value| match words(subject) {
        id if Uuid::try_parse(&id).is_ok() => id.chars().take(8).chain(['…']).collect(),
        name => name,
    };
    match at(value, pointer) {
        Value::Array(all) => all.iter().map(one).collect::<Vec<_>>().join(", "),
        subject => one(subject),
    }
}

/// Adds a field to an object; what is no object stays as it is.
pub(crate) fn set(object: &mut Value, field: &str, value: impl Into<Value>) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(field.to_owned(), value.into());
    }
}

/// The entries of a list; none where it is no list.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// How long ago that was: `3m`, `2h`, `5d`; the text itself where it is no point in time.
pub(crate) fn ago(value: &Value, now: DateTime<Utc>) -> String {
    let text = words(value);
    let Ok(then) = text.parse::<DateTime<Utc>>() else {
        return text;
    };
    let seconds = (now - then).num_seconds().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Text without what would move a terminal's cursor or change its colours: a server's words are shown, never obeyed.
pub(crate) fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => ' ',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time() {
        let read = |text| duration(text).map(|d| d.as_secs());
        assert_eq!(read("90"), Ok(90));
        assert_eq!(read("30m"), Ok(1800));
        assert_eq!(read("7d"), Ok(604_800));
        for wrong in [
            "",
            "m",
            "0s",
            "-1s",
            "1.5h",
            "9w",
            "366d",
            "99999999999999999999d",
            "5 m",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ages() {
        let now = "2026-11-25T12:00:00Z".parse().unwrap();
        let of = |text: &str| ago(&Value::from(text), now);
        assert_eq!(of("2026-11-25T11:59:50Z"), "10s");
        assert_eq!(of("2026-11-25T11:00:00Z"), "60m");
        assert_eq!(of("2026-11-20T12:00:00Z"), "5d");
        assert_eq!(of("2027-01-01T00:00:00Z"), "0s");
        assert_eq!(of("soon"), "soon");
    }

    #[test]
    fn people_are_named_or_their_ids_begun() {
        let json = serde_json::json!({"by": "019f2b7c-6c1e-7d52-9a55-0d1f6e0c4b11", "to": ["bob", "system:promoter"]});
        assert_eq!(who(&json, "/by"), "019f2b7c…");
        assert_eq!(who(&json, "/to"), "bob, system:promoter");
        assert_eq!(who(&json, "/none"), "");
    }

    #[test]
    fn nothing_reaches_the_terminal_as_a_command() {
        assert_eq!(
            harmless("a\u{1b}[31mb\r\nc\u{9b}"),
            "a\u{fffd}[31mb\u{fffd} c\u{fffd}"
        );
    }
}
