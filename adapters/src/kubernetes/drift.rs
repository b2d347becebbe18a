//! Whether an object still is as it should be.

use serde_json::Value;

/// Whether what is there has all that is wanted. Fields that are not wanted are somebody else's (the server's
/// defaults, a team's own labels) and stay. But what is wanted empty, and what is in a list, is compared as a whole: one
/// rule more, or one selector more in a rule, may open what is to be closed.
pub(super) fn covers(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Object(there), Value::Object(fields)) if !fields.is_empty() => fields
            .iter()
            .all(|(key, wanted)| covers(there.get(key).unwrap_or(&Value::Null), wanted)),
        _ => bare(found) == bare(wanted),
    }
}

/// What is empty is left out by the server.
fn bare(value: &Value) -> Value {
    match value {
        Value::Object(fields) if fields.is_empty() => Value::Null,
        Value::Array(items) if items.is_empty() => Value::Null,
        _ => whole(value),
    }
}

/// Within, it leaves out empty lists; but an empty selector, which selects everything, is not the same as none.
fn whole(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !matches!(value, Value::Array(items) if items.is_empty()))
            .map(|(key, value)| (key.clone(), whole(value)))
            .collect(),
        Value::Array(items) => items.iter().map(whole).collect(),
        _ => value.clone(),
    }
}

/// The merge patch (RFC 7386) that makes it be as it should be: a merge adds to an object that is wanted empty unless
/// each field of it is taken away.
pub(super) fn patch(found: &Value, wanted: &Value) -> Value {
    match (found, wanted) {
        (Value::Object(there), Value::Object(fields)) if fields.is_empty() => {
            there.keys().map(|key| (key.clone(), Value::Null)).collect()
        }
        (_, Value::Object(fields)) => fields
            .iter()
            .map(|(key, wanted)| (key.clone(), patch(found.get(key).unwrap_or(&Value::Null), wanted)))
            .collect(),
        _ => wanted.clone(),
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

    fn wanted() -> Value {
        json!({ "labels": { "a": "1" }, "selector": {}, "in": [],
                "rules": [{ "to": [{ "pods": {} }], "port": 53 }] })
    }

    #[test]
    fn what_is_not_wanted_may_be_there() {
        let found = json!({ "labels": { "a": "1", "b": "2" }, "more": [1],
                            "rules": [{ "to": [{ "pods": {} }], "port": 53, "from": [] }] });
        assert!(covers(&found, &wanted()), "the server leaves out what is empty");
        assert!(covers(&wanted(), &wanted()));
    }

    #[test]
    fn what_is_wanted_is_there_and_no_wider() {
        for (field, drifted) in [
            ("labels", json!({ "b": "2" })),
            ("selector", json!({ "app": "x" })),
            ("in", json!([{}])),
            ("rules", json!([{ "to": [{ "pods": {} }], "port": 53 }, {}])),
            (
                "rules",
                json!([{ "to": [{ "pods": {} }], "port": 53, "end": 99 }]),
            ),
            (
                "rules",
                json!([{ "to": [{ "pods": {}, "namespaces": {} }], "port": 53 }]),
            ),
            ("rules", json!([{ "to": [{}], "port": 53 }])),
            ("rules", json!([{ "port": 53 }])),
            ("rules", json!([])),
            ("rules", Value::Null),
        ] {
            let mut found = wanted();
            found[field] = drifted;
            assert!(!covers(&found, &wanted()), "{found}");
            let pointer = format!("/{field}");
            let first = differs(&found, &wanted(), &["/none", &pointer]);
            assert_eq!(first, Some(pointer.as_str()));
        }
    }

    #[test]
    fn a_patch_empties_what_is_wanted_empty() {
        let found = json!({ "selector": { "app": "x" }, "labels": { "b": "2" } });
        let patched = patch(&found, &wanted());
        assert_eq!(patched["selector"], json!({ "app": null }));
        for field in ["labels", "in", "rules"] {
            assert_eq!(patched[field], wanted()[field]);
        }
    }
}
