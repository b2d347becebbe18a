//! Repositories that are not where they were: GitLab keeps deleted ones for some days, and people move others.

use http::Method;
use opstella_adapters::http::{Credential, ToolHttp};
use opstella_adapters::{Removal, Removed};
use opstella_domain::Tool;
use opstella_domain::resource::Provenance;
use opstella_sandbox::Fault;
use serde_json::{Value, json};

use crate::operations::{all, group, protected, repository, variables, webhook};
use crate::support::{Driven, transient};
use crate::world::World;

const PATH: &str = "projects/payments%2Fcheckout_api";

/// An instance that deletes so.
async fn deleting(world: &World, deletion: &str) {
    let control = Credential::Header("X-Unused", String::new().into());
    let control = ToolHttp::new(Tool::GitLab, world.sandbox.url(), control).unwrap();
    let call = control.post("/_sandbox/gitlab/deletion");
    let answer = call.json(&json!({"deletion": deletion})).send().await.unwrap();
    answer.success().unwrap();
}

/// The repository, and the group with nobody else in it.
async fn alone(deletion: &str) -> World {
    let world = World::new().await;
    deleting(&world, deletion).await;
    world.ensure(&group(), 1).await;
    world.ensure(&repository(), 1).await;
    world
}

/// What the group and the repository of run 1 have become.
fn left(world: &World) -> Value {
    world.sandbox.state()["gitlab"].clone()
}

#[tokio::test]
async fn one_that_is_marked_first_is_deleted_at_once() {
    let world = alone("delayed").await;
    let removed = world.remove(&repository(), 1, Removal::ThisRun).await;
    assert_eq!(removed, Removed::Deleted);
    assert!(left(&world)["projects"].is_null(), "{}", left(&world));
}

/// GitLab.com lets nobody delete at once: what waits out of the way counts as deleted, as it does for groups.
#[tokio::test]
async fn one_that_is_kept_for_some_days_is_as_good_as_deleted() {
    let world = alone("retained").await;
    let id = world.get(PATH).await["id"].as_u64().unwrap();
    let removed = world.remove(&repository(), 1, Removal::ThisRun).await;
    assert_eq!(removed, Removed::Deleted);
    // The group goes, too: nothing else is in it.
    let there = left(&world);
    let (project, group_of_it) = (&there["projects"][0], &there["groups"][0]);
    let kept = format!("/checkout_api-deletion_scheduled-{id}");
    assert!(project.as_str().unwrap().ends_with(&kept), "{there}");
    let waits = group_of_it
        .as_str()
        .unwrap()
        .starts_with("payments-deletion_scheduled-");
    assert!(waits, "{there}");
    // Whose answer was lost is undone again.
    let again = world.remove(&repository(), 1, Removal::ThisRun).await;
    assert_eq!(again, Removed::Deleted);

    // The names are free.
    assert_eq!(world.provenance(&group(), 2).await, Provenance::Created);
    assert_eq!(world.provenance(&repository(), 2).await, Provenance::Created);
    assert_ne!(world.get(PATH).await["id"], id);
}

/// The old one is no matter of the run that made none yet.
#[tokio::test]
async fn one_that_waits_is_not_what_a_later_run_undoes() {
    let world = World::before(&repository(), 1).await;
    deleting(&world, "retained").await;
    world.ensure(&repository(), 1).await;
    world.remove(&repository(), 1, Removal::ThisRun).await;
    let before = left(&world);
    for operation in all() {
        if operation == group() {
            continue;
        }
        let removed = world.remove(&operation, 2, Removal::ThisRun).await;
        assert_eq!(removed, Removed::Absent, "{operation:?}");
    }
    assert_eq!(left(&world), before);
    // A refusal is one where nothing is marked and out of the way.
    world.ensure(&repository(), 2).await;
    let refused = Fault::on("gitlab").method("DELETE").status(403).times(1);
    world.sandbox.add_fault(refused).unwrap();
    world.remove_failing(&repository(), 2).await;
}

#[tokio::test]
async fn a_path_that_people_moved_the_repository_from_is_free() {
    let world = World::with_repository(1).await;
    for operation in [variables(), webhook()] {
        world.ensure(&operation, 1).await;
    }
    let moved = world.get(PATH).await["id"].clone();
    let elsewhere = json!({"path": "till", "name": "till"});
    world.call(Method::PUT, PATH, elsewhere).await;
    // What is in it is undone in it, wherever it is.
    for operation in [variables(), webhook()] {
        let removed = world.remove(&operation, 1, Removal::ThisRun).await;
        assert_eq!(removed, Removed::Deleted, "{operation:?}");
    }
    assert_eq!(world.get(&format!("projects/{moved}/hooks")).await, json!([]));
    // Another run's is left to its own.
    assert_eq!(
        world.remove(&repository(), 2, Removal::ThisRun).await,
        Removed::Kept
    );
    let removed = world.remove(&repository(), 1, Removal::ThisRun).await;
    assert_eq!(removed, Removed::Deleted);
    assert!(left(&world)["projects"].is_null(), "{}", left(&world));

    let world = World::with_repository(1).await;
    let moved = world.get(PATH).await["id"].clone();
    let elsewhere = json!({"path": "till", "name": "till"});
    world.call(Method::PUT, PATH, elsewhere).await;
    assert_eq!(world.provenance(&repository(), 2).await, Provenance::Created);
    assert_ne!(world.get(PATH).await["id"], moved);
}

#[tokio::test]
async fn a_moved_repository_that_is_not_ours_is_not_touched() {
    let world = World::before(&repository(), 1).await;
    world.foreign_repository().await;
    let elsewhere = json!({"path": "till", "name": "till"});
    world.call(Method::PUT, PATH, elsewhere).await;
    let before = left(&world);
    for operation in [repository(), variables(), webhook(), protected()] {
        for removal in [Removal::ThisRun, Removal::Service] {
            let removed = world.remove(&operation, 1, removal).await;
            assert_eq!(removed, Removed::Absent, "{operation:?}");
        }
    }
    assert_eq!(left(&world), before);
}

/// A sign-in or a maintenance page that everybody is sent to.
#[tokio::test]
async fn other_redirections_pass_and_say_where_to_look() {
    let world = World::with_repository(1).await;
    for status in [301, 302, 307] {
        let fault = Fault::on("gitlab").status(status).body("Moved");
        world.sandbox.add_fault(fault).unwrap();
        for operation in all() {
            for error in [
                world.refusal(&operation, 1).await,
                world.remove_failing(&operation, 1).await,
            ] {
                let text = transient(&error);
                assert!(text.contains("redirects"), "{operation:?}: {text}");
            }
        }
        world.sandbox.clear_faults();
    }
}
