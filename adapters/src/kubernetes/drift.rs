//! Whether an object still is as it should be.

use serde_json::Value;

/// Whether what is there has all that is wanted. Fields that are not wanted are somebody else's (the server's
/// defaults, a team's own labels) and stay; a list is compared as a whole, since a rule more may open what is to
/// be closed.
pub(super) fn covers(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => wanted
            .iter()
            .all(|(key, wanted)| covers(found.get(key).unwrap_or(&Value::Null), wanted)),
        (Value::Array(found), Value::Array(wanted)) => {
            found.len() == wanted.len() && found.iter().zip(wanted).all(|(f, w)| covers(f, w))
        }
        // The server leaves out what is empty.
        (Value::Null, Value::Object(wanted)) => wanted.is_empty(),
        (Value::Null, Value::Array(wanted)) => wanted.is_empty(),
        _ => found == wanted,
    }
}

/// The first of these fields (JSON pointers) that is not as it should be.
pub(super) fn differs<'a>(found: &Value, wanted: &Value, fields: &[&'a str]) -> Option<&'a str> {
    let at = |value: &'_ Value, field: &str| value.pointer(field).cloned().unwrap_or_default();
    fields
        .iter()
        .copied()
        .find(|field| !covers(&at(found, field), &at(wanted, field)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_wanted_must_be_there() {
        let wanted = json!({ "labels": { "a": "1" }, "rules": [{ "port": 53 }], "selector": {} });
        let found = json!({ "labels": { "a": "1", "b": "2" }, "rules": [{ "port": 53, "protocol": "TCP" }] });
        assert!(covers(&found, &wanted));
        for (field, drifted) in [
            ("labels", json!({ "b": "2" })),
            ("rules", json!([{ "port": 53 }, { "port": 80 }])),
            ("rules", json!([])),
            ("rules", Value::Null),
        ] {
            let mut found = found.clone();
            found[field] = drifted;
            assert!(!covers(&found, &wanted), "{found}");
            let pointer = format!("/{field}");
            assert_eq!(
                differs(&found, &wanted, &["/selector", &pointer]),
                Some(pointer.as_str())
            );
        }
    }
}
