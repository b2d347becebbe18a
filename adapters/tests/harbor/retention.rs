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

/// Every night Harbor deletes what no rule keeps.
#[tokio::test]
async fn what_runs_in_an_environment_stays_however_old_it_is() {
    let world = World::new().await;
    world.ensure(&project(), 1).await;
    world.ensure(&retention(), 1).await;
    let digest = |number: u32| format!("sha256:{number:064}");
    let push = |number: u32| {
        let pushed = world
            .tool
            .push(PROJECT, "api", &format!("1.0.{number}"), &digest(number));
        assert!(pushed.is_some());
    };
    // The first two of one more than are kept; the first runs in PRD.
    (0..KEEP + 2).for_each(push);
    let artifacts = format!("/projects/{PROJECT}/repositories/api/artifacts");
    let tags = format!("{artifacts}/{}/tags", digest(0));
    world.raw("POST", &tags, json!({ "name": "prd" }));
    let executions = format!("/retentions/{}/executions", world.policy()["id"]);
    world.raw("POST", &executions, json!({ "dry_run": true }));
    let there = |number: u32| {
        let target = format!("{artifacts}/{}", digest(number));
        world
            .as_user(&crate::world::admin(), "GET", &target, &Value::Null)
            .0
            == 200
    };
    assert!((0..KEEP + 2).all(there), "it was to be tried only");
    world.raw("POST", &executions, json!({ "dry_run": false }));
    assert!(there(0), "it runs in PRD");
    assert!(!there(1), "it is too old, and runs nowhere");
    assert!((2..KEEP + 2).all(there));
}

#[tokio::test]
async fn a_changed_rule_is_put_right() {
    let world = World::new().await;
    world.ensure(&project(), 1).await;
    world.ensure(&retention(), 1).await;
    let before = world.policy();
    let mut fewer = before.clone();
    fewer["rules"][0]["params"]["latestPushedK"] = json!(1);
    // As it was made before what runs was kept.
    let mut one = before.clone();
    one["rules"].as_array_mut().unwrap().pop();
    for changed in [fewer, one] {
        world.raw("PUT", &format!("/retentions/{}", before["id"]), changed);
        let provenance = world.ensure(&retention(), 2).await.provenance;
        assert_eq!(provenance, Provenance::Existing);
        assert_eq!(world.policy(), before);
    }
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
