//! What is particular to CI variables.

use opstella_adapters::{Removal, Removed};
use opstella_domain::resource::Provenance;
use serde_json::{Value, json};

use crate::operations::{plain, robot_secret, secret, these, variables};
use crate::support::{Driven, lost, permanent, transient};
use crate::world::{ROBOT_NAME, ROBOT_PASSWORD, World};

async fn find(world: &World, key: &str) -> Value {
    let all = world.inside("variables?per_page=100").await;
    let mut all = all.as_array().unwrap().iter();
    all.find(|v| v["key"] == key).cloned().unwrap_or_default()
}

#[tokio::test]
async fn secrets_are_masked_and_for_the_default_branch_only() {
    let world = World::with_repository(1).await;
    world.ensure(&variables(), 1).await;
    let rows = [
        ("OPSTELLA_IMAGE", "harbor.example/$x/api", false),
        ("OPSTELLA_REGISTRY_USER", ROBOT_NAME, true),
        ("OPSTELLA_REGISTRY_PASSWORD", ROBOT_PASSWORD, true),
    ];
    for (key, value, secret) in rows {
        let there = find(&world, key).await;
        assert_eq!(there["value"], value);
        assert_eq!(
            (&there["masked"], &there["protected"]),
            (&json!(secret), &json!(secret)),
            "{key}"
        );
        assert_eq!(there["raw"], true, "{key}");
        assert_eq!(there["environment_scope"], "*", "{key}");
        assert!(
            there["description"]
                .as_str()
                .unwrap()
                .starts_with("Managed by Opstella"),
            "{key}"
        );
    }
}

#[tokio::test]
async fn drift_is_put_right() {
    let drifts = [
        json!({"value": "another1"}),
        json!({"masked": false}),
        json!({"protected": false}),
        json!({"raw": false, "value": "another1"}),
    ];
    for drift in drifts {
        let world = World::with_repository(1).await;
        world.ensure(&variables(), 1).await;
        let right = find(&world, "OPSTELLA_REGISTRY_PASSWORD").await;
        world
            .put_inside("variables/OPSTELLA_REGISTRY_PASSWORD", drift.clone())
            .await;
        let writes = world.writes();
        assert_eq!(world.provenance(&variables(), 2).await, Provenance::Existing);
        assert_eq!(find(&world, "OPSTELLA_REGISTRY_PASSWORD").await, right, "{drift}");
        assert_eq!(world.writes(), writes + 1, "only what drifted is written");
    }
}

#[tokio::test]
async fn a_renewed_secret_is_told() {
    let world = World::with_repository(1).await;
    world.ensure(&variables(), 1).await;
    let renewed = [("username", ROBOT_NAME), ("password", "An0therSecret")];
    world.secrets.keep(&robot_secret(), &renewed);
    assert_eq!(world.provenance(&variables(), 2).await, Provenance::Existing);
    let there = find(&world, "OPSTELLA_REGISTRY_PASSWORD").await;
    assert_eq!(there["value"], "An0therSecret");
}

#[tokio::test]
async fn a_secret_that_is_not_in_vault_is_named() {
    for (fields, field) in [(None, "username"), (Some([("username", ROBOT_NAME)]), "password")] {
        let world = World::with_repository(1).await;
        match fields {
            None => world.secrets.0.lock().unwrap().clear(),
            Some(fields) => world.secrets.keep(&robot_secret(), &fields),
        }
        let writes = world.writes();
        let text = permanent(&world.refusal(&variables(), 1).await);
        assert!(
            text.contains("`payments/checkout/platform/registry-robot`"),
            "{text}"
        );
        assert!(text.contains(&format!("field `{field}`")), "{text}");
        assert!(text.contains("OPSTELLA_REGISTRY_"), "{text}");
        assert_eq!(world.writes(), writes, "nothing is half done");
    }
}

#[tokio::test]
async fn a_value_that_cannot_be_masked_is_refused_by_name_and_not_told() {
    let world = World::with_repository(1).await;
    world
        .secrets
        .keep(&robot_secret(), &[("password", "with blanks")]);
    let operation = these(vec![secret("OPSTELLA_REGISTRY_PASSWORD", "password")]);
    let text = permanent(&world.refusal(&operation, 1).await);
    assert!(text.contains("OPSTELLA_REGISTRY_PASSWORD"), "{text}");
    assert!(!text.contains("with blanks"), "{text}");
}

#[tokio::test]
async fn more_than_a_page_of_variables() {
    let world = World::with_repository(1).await;
    for number in 0..120 {
        let body = json!({"key": format!("THEIRS_{number:03}"), "value": "x"});
        world.post_inside("variables", body).await;
    }
    assert_eq!(world.provenance(&variables(), 1).await, Provenance::Created);
    let writes = world.writes();
    assert_eq!(world.provenance(&variables(), 1).await, Provenance::Created);
    assert_eq!(world.writes(), writes);
    assert_eq!(
        world.remove(&variables(), 1, Removal::ThisRun).await,
        Removed::Deleted
    );
    let left = world.inside("variables?per_page=100&page=2").await;
    assert_eq!(left.as_array().unwrap().len(), 20);
}

/// The same key for one environment is somebody else's variable.
#[tokio::test]
async fn a_variable_of_one_environment_is_left_alone() {
    let world = World::with_repository(1).await;
    let body = json!({"key": "OPSTELLA_IMAGE", "value": "theirs", "environment_scope": "prd"});
    world.post_inside("variables", body).await;
    assert_eq!(world.provenance(&variables(), 1).await, Provenance::Created);
    world
        .put_inside(
            "variables/OPSTELLA_IMAGE?filter[environment_scope]=*",
            json!({"value": "drifted"}),
        )
        .await;
    world.ensure(&variables(), 1).await;
    assert_eq!(
        world.remove(&variables(), 1, Removal::ThisRun).await,
        Removed::Deleted
    );
    let left = world.inside("variables").await;
    assert_eq!(left.as_array().unwrap().len(), 1);
    assert_eq!(
        (&left[0]["value"], &left[0]["environment_scope"]),
        (&json!("theirs"), &json!("prd"))
    );
}

/// A run that adds one variable to those of an earlier run takes only that one back.
#[tokio::test]
async fn unwinding_takes_only_the_runs_own() {
    let world = World::with_repository(1).await;
    world.ensure(&these(vec![plain("FIRST", "1")]), 1).await;
    let both = these(vec![plain("FIRST", "1"), plain("SECOND", "2")]);
    assert_eq!(world.provenance(&both, 2).await, Provenance::Created);
    assert_eq!(world.remove(&both, 2, Removal::ThisRun).await, Removed::Deleted);
    let left = world.inside("variables").await;
    assert_eq!(left.as_array().unwrap().len(), 1);
    assert_eq!(left[0]["key"], "FIRST");
}

/// Words that do not fit beside the mark give way to it.
#[tokio::test]
async fn a_long_description_of_an_adopted_variable_gives_way() {
    let world = World::with_repository(9).await;
    let body = json!({"key": "FIRST", "value": "theirs", "description": "x".repeat(250)});
    world.post_inside("variables", body).await;
    let operation = these(vec![plain("FIRST", "1")]);
    assert_eq!(world.adopt(&operation, 1).await, Provenance::Adopted);
    let there = find(&world, "FIRST").await;
    assert_eq!(
        there["description"],
        "Managed by Opstella 00000000-0000-0000-0000-00000000000a: payments/checkout (adopted by run 00000000-0000-0000-0000-000000000001)"
    );
    assert_eq!(there["value"], "1");
}

#[tokio::test]
async fn each_lost_answer_is_caught_up() {
    for skip in 0..3 {
        let world = World::with_repository(1).await;
        let fault = lost("gitlab", "POST", "**/variables").skip(skip);
        world.sandbox.add_fault(fault).unwrap();
        transient(&world.refusal(&variables(), 1).await);
        assert_eq!(world.provenance(&variables(), 1).await, Provenance::Created);
        assert_eq!(world.inside("variables").await.as_array().unwrap().len(), 3);
    }
}
