//! What is particular to robot accounts.

use opstella_adapters::{Removal, Removed, StepContext, ToolAdapter};
use opstella_domain::resource::Provenance;
use opstella_sandbox::Fault;
use serde_json::{Value, json};

use crate::support::{elsewhere, permanent};
use crate::world::{PROJECT, ROBOT, World, project, robot, secret_path};

#[tokio::test]
async fn the_secret_goes_to_the_store() {
    let world = World::new().await;
    world.ensure(&project(), 1).await;
    world.ensure(&robot(), 1).await;
    assert_eq!(world.kept("username").unwrap(), ROBOT);
    assert!(world.kept_works());
    let first = world.kept("password");
    world.ensure(&robot(), 2).await;
    assert_eq!(world.kept("password"), first);
    let access = &world.robots()[0]["permissions"][0]["access"];
    let actions: Vec<_> = access.as_array().unwrap().iter().map(|a| &a["action"]).collect();
    assert_eq!(actions, ["push", "pull"]);
}

#[tokio::test]
async fn a_lost_secret_is_renewed() {
    let world = World::new().await;
    world.ensure(&project(), 1).await;
    world.ensure(&robot(), 1).await;
    world.secrets.lose(&secret_path());
    assert_eq!(world.ensure(&robot(), 2).await.provenance, Provenance::Existing);
    assert!(world.kept_works());
    // The run that renewed it takes it along, and not the robot.
    assert_eq!(world.remove(&robot(), 2, Removal::ThisRun).await, Removed::Kept);
    assert_eq!(world.kept("password"), None);
    assert_eq!(world.robots()[0]["name"], ROBOT);
}

#[tokio::test]
async fn a_stale_secret_never_passes_for_a_new_robots() {
    let world = World::new().await;
    world.ensure(&project(), 1).await;
    world.ensure(&robot(), 1).await;
    let id = world.robots()[0]["id"].clone();
    world.raw("DELETE", &format!("/robots/{id}"), Value::Null);
    let lost = Fault::on("harbor").method("POST").path("**/robots").drop_after();
    world.sandbox.add_fault(lost.times(1)).unwrap();
    let context = world.context(2);
    world.adapter.ensure(&robot(), &context).await.unwrap_err();
    assert_eq!(world.ensure(&robot(), 2).await.provenance, Provenance::Created);
    assert!(world.kept_works());
}

#[tokio::test]
async fn rights_are_put_right_where_the_robot_is_ours() {
    let world = World::new().await;
    world.ensure(&project(), 1).await;
    world.ensure(&robot(), 1).await;
    let mut there = world.robots()[0].clone();
    let (id, right) = (there["id"].clone(), there["permissions"].clone());
    there["disable"] = json!(true);
    there["permissions"][0]["access"] = json!([{ "resource": "*", "action": "*" }]);
    world.raw("PUT", &format!("/robots/{id}"), there);
    world.ensure(&robot(), 2).await;
    let now = world.robots()[0].clone();
    assert_eq!((&now["permissions"], &now["disable"]), (&right, &json!(false)));
    assert!(world.kept_works());
}

#[tokio::test]
async fn an_adopted_robot_keeps_its_rights_and_gets_a_known_secret() {
    let world = World::new().await;
    world.occupy(&robot()).await;
    let before = world.robots()[0].clone();
    world.adopt(&robot(), 1).await;
    let now = world.robots()[0].clone();
    assert_eq!(now["permissions"], before["permissions"]);
    assert_eq!(now["duration"], before["duration"]);
    assert_eq!(
        now["description"],
        "Ours.\nManaged by Opstella 00000000-0000-0000-0000-00000000000a: payments/checkout (adopted by run 00000000-0000-0000-0000-000000000001)"
    );
    assert!(world.kept_works());
    let secret = world.kept("password");
    world.adopt(&robot(), 1).await;
    assert_eq!(world.kept("password"), secret);
}

/// Its credential may be kept already, by another installation that has the robot too: it is that one's to renew and to
/// forget.
#[tokio::test]
async fn a_secret_of_another_installation_is_not_taken_with_its_robot() {
    let world = World::new().await;
    world.ensure(&project(), 1).await;
    let adopting = |context| StepContext {
        adopt: true,
        ..context
    };
    let theirs = adopting(elsewhere(world.context(1)));
    world.adapter.ensure(&robot(), &theirs).await.unwrap();
    let ours = adopting(world.context(1));
    permanent(&world.adapter.ensure(&robot(), &ours).await.unwrap_err());
    for removal in [Removal::ThisRun, Removal::Service] {
        world.remove(&robot(), 1, removal).await;
        assert!(world.kept_works(), "{removal:?}");
    }
}

#[tokio::test]
async fn other_robots_of_the_project_are_nobodys_business() {
    let world = World::new().await;
    world.ensure(&project(), 1).await;
    let access = json!([{ "resource": "repository", "action": "pull" }]);
    let permission = json!({ "kind": "project", "namespace": PROJECT, "access": access });
    for name in ["opstella-2", "not-opstella"] {
        let body = json!({ "name": name, "level": "project", "duration": -1, "permissions": [permission] });
        world.raw("POST", "/robots", body);
    }
    let before = world.robots();
    world.ensure(&robot(), 1).await;
    let removed = world.remove(&robot(), 1, Removal::Service).await;
    assert_eq!(removed, Removed::Deleted);
    assert_eq!(world.robots(), before);
}
