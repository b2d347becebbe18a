//! Repositories that are not where they were: people move them.

use http::Method;
use opstella_adapters::{Removal, Removed};
use opstella_domain::resource::Provenance;
use opstella_sandbox::Fault;
use serde_json::{Value, json};

use crate::operations::{all, protected, repository, variables, webhook};
use crate::support::{Driven, transient};
use crate::world::World;

const PATH: &str = "projects/payments%2Fcheckout_api";

/// What the group and the repository of run 1 have become.
fn left(world: &World) -> Value {
    world.sandbox.state()["gitlab"].clone()
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
