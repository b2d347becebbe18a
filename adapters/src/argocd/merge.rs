//! Bringing what is there up to date without touching what people added.

use serde_json::Value;

/// Lays what is wanted over what is there: fields are set, list entries that are missing are added, everything else
/// stays. An empty list wants nothing: Argo CD leaves it out of what it shows.
pub(super) fn merge(there: &mut Value, wanted: &Value) {
    match (there, wanted) {
        (Value::Object(there), Value::Object(wanted)) => {
            for (field, wanted) in wanted {
                match there.get_mut(field) {
                    Some(there) => merge(there, wanted),
                    None if wanted.as_array().is_some_and(Vec::is_empty) => {}
                    None => {
                        there.insert(field.clone(), wanted.clone());
                    }
                }
            }
        }
        (Value::Array(there), Value::Array(wanted)) => {
            for entry in wanted {
                if !there.contains(entry) {
                    there.push(entry.clone());
                }
            }
        }
        (there, wanted) => *there = wanted.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_people_added_stays() {
        let wanted =
            json!({ "repos": ["ours"], "automated": { "prune": true }, "blacklist": [], "path": "dev" });
        for (mut there, merged) in [
            (
                json!({}),
                json!({ "repos": ["ours"], "automated": { "prune": true }, "path": "dev" }),
            ),
            (
                json!({ "repos": ["theirs"], "automated": { "prune": false, "enabled": false }, "path": "x", "more": 1,
                        "blacklist": ["theirs"] }),
                json!({ "repos": ["theirs", "ours"], "automated": { "prune": true, "enabled": false }, "path": "dev",
                        "more": 1, "blacklist": ["theirs"] }),
            ),
            (
                json!({ "repos": null, "automated": null, "blacklist": null }),
                json!({ "repos": ["ours"], "automated": { "prune": true }, "blacklist": [], "path": "dev" }),
            ),
        ] {
            merge(&mut there, &wanted);
            assert_eq!(there, merged);
            let again = there.clone();
            merge(&mut there, &wanted);
            assert_eq!(there, again);
        }
    }
}
