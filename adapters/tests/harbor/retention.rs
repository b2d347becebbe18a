//! What is particular to retention rules.

use opstella_adapters::{Removal, Removed};
use opstella_domain::resource::Provenance;
use serde_json::{Value, json};

use crate::world::{KEEP, PROJECT, World, project, retention};

#[tokio::test]
async fn the_rule_keeps_the_latest_of_each_repository() {
    let world = World::new().await;
    world.ensure(&project(), 1).await;
    world.ensure(&retention(), 1).await;
    let policy = world.policy();
    let rule = &policy["rules"][0];
    assert_eq!(rule["template"], "latestPushedK");
    assert_eq!(rule["params"]["latestPushedK"], KEEP);
    assert_eq!(rule["scope_selectors"]["repository"][0]["pattern"], "**");
    let scope = json!({ "level": "project", "ref": world.project_id() });
    assert_eq!(policy["scope"], scope);
}

#[tokio::test]
async fn a_changed_rule_is_put_right() {
    let world = World::new().await;
    world.ensure(&project(), 1).await;
    world.ensure(&retention(), 1).await;
    let before = world.policy();
    let mut changed = before.clone();
    changed["rules"][0]["params"]["latestPushedK"] = json!(1);
    world.raw("PUT", &format!("/retentions/{}", before["id"]), changed);
    let provenance = world.ensure(&retention(), 2).await.provenance;
    assert_eq!(provenance, Provenance::Existing);
    assert_eq!(world.policy(), before);
}

#[tokio::test]
async fn an_adopted_rule_stays_as_it_is() {
    let world = World::new().await;
    world.occupy(&retention()).await;
    let before = world.policy();
    world.adopt(&retention(), 1).await;
    world.ensure(&retention(), 2).await;
    assert_eq!(world.policy(), before);
}

/// Unwinding leaves an adopted project as it was, without a rule that deletes images.
#[tokio::test]
async fn a_rule_in_an_adopted_project_goes_with_the_run_that_made_it() {
    let world = World::new().await;
    world.occupy(&project()).await;
    world.adopt(&project(), 1).await;
    let before = world.whole();
    assert_eq!(world.adopt(&retention(), 1).await, Provenance::Created);
    let removed = world.remove(&retention(), 2, Removal::ThisRun).await;
    assert_eq!(removed, Removed::Kept);
    let removed = world.remove(&retention(), 1, Removal::ThisRun).await;
    assert_eq!(removed, Removed::Deleted);
    assert_eq!(world.whole(), before);
}

#[tokio::test]
async fn a_name_without_a_policy_does_not_stand_in_the_way() {
    let world = World::new().await;
    world.ensure(&project(), 1).await;
    let path = format!("/projects/{PROJECT}");
    let dangling = json!({ "metadata": { "retention_id": "4711" } });
    world.raw("PUT", &path, dangling.clone());
    let provenance = world.ensure(&retention(), 1).await.provenance;
    assert_eq!(provenance, Provenance::Created);
    let made = format!("/retentions/{}", world.policy()["id"]);
    world.raw("DELETE", &made, Value::Null);
    world.raw("PUT", &path, dangling);
    let removed = world.remove(&retention(), 1, Removal::ThisRun).await;
    assert_eq!(removed, Removed::Absent);
    assert_eq!(world.labels().as_array().unwrap().len(), 1);
}
