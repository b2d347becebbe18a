//! What a retention policy keeps of what was pushed: an artifact stays if any of its rules retains it.

use std::collections::BTreeSet;

use globset::GlobBuilder;
use serde_json::Value;

use super::store::{Artifact, Repository, Store};
use super::str_of;

/// Deletes what no rule of the policy retains.
pub(super) fn carry_out(store: &mut Store, project: i64, policy: &Value) {
    let rules: Vec<&Value> = list(policy, "/rules")
        .filter(|rule| rule.get("disabled") != Some(&Value::Bool(true)))
        .collect();
    let prefix = format!("{}/", store.project_name(project));
    for repository in store.repositories.values_mut().filter(|r| r.project == project) {
        let name = repository.name.strip_prefix(&prefix).unwrap_or(&repository.name);
        let applies = |rule: &&&Value| {
            list(rule, "/scope_selectors/repository").all(|selector| selects(selector, &[name]))
        };
        let kept: BTreeSet<String> = rules
            .iter()
            .filter(applies)
            .flat_map(|rule| retained(rule, repository))
            .collect();
        repository.artifacts.retain(|digest, _| kept.contains(digest));
    }
}

/// The digests that a rule retains.
fn retained(rule: &Value, repository: &Repository) -> Vec<String> {
    let selected = |artifact: &Artifact| {
        let tags: Vec<&str> = artifact.tags.keys().map(String::as_str).collect();
        list(rule, "/tag_selectors").all(|selector| selects(selector, &tags))
    };
    let mut artifacts: Vec<(&String, &Artifact)> =
        repository.artifacts.iter().filter(|(_, a)| selected(a)).collect();
    artifacts.sort_by_key(|(_, artifact)| std::cmp::Reverse((&artifact.pushed, artifact.id)));
    let most = match str_of(rule, "template") {
        Some("latestPushedK") => rule.pointer("/params/latestPushedK").and_then(Value::as_u64),
        // `always`, and those that the stand-in does not know.
        _ => None,
    };
    let most = most.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
    artifacts
        .into_iter()
        .take(most)
        .map(|(digest, _)| digest.clone())
        .collect()
}

/// Whether a selector takes something with these names; without a name, only if it says so.
fn selects(selector: &Value, names: &[&str]) -> bool {
    let pattern = str_of(selector, "pattern").unwrap_or_default();
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    let Ok(glob) = glob.map(|glob| glob.compile_matcher()) else {
        return false;
    };
    let extras = str_of(selector, "extras").and_then(|extras| serde_json::from_str::<Value>(extras).ok());
    let untagged = extras.is_some_and(|extras| extras.get("untagged") == Some(&Value::Bool(true)));
    let matches = match names {
        [] => return untagged,
        names => names.iter().any(|name| glob.is_match(name)),
    };
    let decoration = str_of(selector, "decoration").unwrap_or_default();
    matches != decoration.to_lowercase().ends_with("excludes")
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    let list = value.pointer(pointer).and_then(Value::as_array);
    list.into_iter().flatten()
}
