//! What our retention policy says.

use opstella_domain::Environment;
use serde_json::{Value, json};

/// Every midnight, as Harbor's own page says `Daily`.
const DAILY: &str = "0 0 0 * * *";

/// The policy: of each repository the most recently pushed artifacts stay, with and without tags; and those that bear the
/// tag of an environment, however old they are: they run there. Harbor keeps what any of its rules keeps.
pub(super) fn keeping(keep: u32, project: i64) -> Value {
    let environments: Vec<&str> = Environment::all().map(Environment::slug).collect();
    let environments = format!("{{{}}}", environments.join(","));
    json!({
        "algorithm": "or",
        "scope": { "level": "project", "ref": project },
        "trigger": { "kind": "Schedule", "settings": { "cron": DAILY } },
        "rules": [
            rule("latestPushedK", json!({ "latestPushedK": keep }), "**", true),
            rule("always", json!({}), &environments, false),
        ],
    })
}

fn rule(template: &str, params: Value, tags: &str, untagged: bool) -> Value {
    json!({
        "action": "retain",
        "template": template,
        "params": params,
        "disabled": false,
        "tag_selectors": [{ "kind": "doublestar", "decoration": "matches", "pattern": tags,
                            "extras": format!("{{\"untagged\":{untagged}}}") }],
        "scope_selectors": {
            "repository": [{ "kind": "doublestar", "decoration": "repoMatches", "pattern": "**" }],
        },
    })
}

/// Whether a policy says all that the wanted one says; Harbor adds fields of its own, and leaves out what is false or
/// empty.
pub(super) fn fits(there: &Value, wanted: &Value) -> bool {
    match (there, wanted) {
        (Value::Object(there), Value::Object(wanted)) => wanted.iter().all(|(key, wanted)| {
            let there = there.get(key).filter(|there| !there.is_null());
            let left_out = *wanted == Value::Bool(false) || *wanted == json!({});
            there.map_or(left_out, |there| fits(there, wanted))
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
        there["rules"][1].as_object_mut().unwrap().remove("params");
        assert!(fits(&there, &keeping(20, 7)));
        there["rules"][1]["params"] = Value::Null;
        assert!(fits(&there, &keeping(20, 7)));
        assert!(!fits(&there, &keeping(21, 7)));
        there["rules"][0]["disabled"] = json!(true);
        assert!(!fits(&there, &keeping(20, 7)));
        there = keeping(20, 7);
        let more = there["rules"][0].clone();
        there["rules"].as_array_mut().unwrap().push(more);
        assert!(!fits(&there, &keeping(20, 7)));
        // What was made before it kept what runs.
        there = keeping(20, 7);
        there["rules"].as_array_mut().unwrap().pop();
        assert!(!fits(&there, &keeping(20, 7)));
    }
}
