//! What our retention policy says.

use serde_json::{Value, json};

/// Every midnight, as Harbor's own page says `Daily`.
const DAILY: &str = "0 0 0 * * *";

/// The policy: of each repository the most recently pushed artifacts stay, with and without tags.
pub(super) fn keeping(keep: u32, project: i64) -> Value {
    json!({
        "algorithm": "or",
        "scope": { "level": "project", "ref": project },
        "trigger": { "kind": "Schedule", "settings": { "cron": DAILY } },
        "rules": [{
            "action": "retain",
            "template": "latestPushedK",
            "params": { "latestPushedK": keep },
            "disabled": false,
            "tag_selectors": [{ "kind": "doublestar", "decoration": "matches", "pattern": "**",
                                "extras": "{\"untagged\":true}" }],
            "scope_selectors": {
                "repository": [{ "kind": "doublestar", "decoration": "repoMatches", "pattern": "**" }],
            },
        }],
    })
}

/// Whether a policy says all that the wanted one says; Harbor adds fields of its own, and leaves out what is false.
pub(super) fn fits(there: &Value, wanted: &Value) -> bool {
    match (there, wanted) {
        (Value::Object(there), Value::Object(wanted)) => wanted.iter().all(|(key, wanted)| {
            let there = there.get(key);
            there.map_or(*wanted == Value::Bool(false), |there| fits(there, wanted))
        }),
        (Value::Array(there), Value::Array(wanted)) => {
            there.len() == wanted.len()
                && there
                    .iter()
                    .zip(wanted)
                    .all(|(there, wanted)| fits(there, wanted))
        }
        _ => there == wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_harbor_adds_is_no_drift() {
        let mut there = keeping(20, 7);
        there["id"] = json!(3);
        there["trigger"]["references"] = json!({ "job_id": 12 });
        there["rules"][0]["priority"] = json!(1);
        there["rules"][0].as_object_mut().unwrap().remove("disabled");
        assert!(fits(&there, &keeping(20, 7)));
        assert!(!fits(&there, &keeping(21, 7)));
        there["rules"][0]["disabled"] = json!(true);
        assert!(!fits(&there, &keeping(20, 7)));
        there = keeping(20, 7);
        let more = there["rules"][0].clone();
        there["rules"].as_array_mut().unwrap().push(more);
        assert!(!fits(&there, &keeping(20, 7)));
    }
}
