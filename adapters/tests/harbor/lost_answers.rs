//! The tool did the work and its answer was lost: the next attempt finds it and makes no second.

use opstella_adapters::{Removal, Removed, StepContext, StepError, ToolAdapter};
use opstella_domain::operation::Operation;
use opstella_domain::resource::Provenance;
use opstella_sandbox::Fault;

use crate::world::{World, project, retention, robot};

fn lost(method: &str, path: &str) -> Fault {
    let call = Fault::on("harbor").method(method).path(path);
    call.drop_after().times(1)
}

#[tokio::test]
async fn of_making() {
    let calls: [(Operation, &str); 5] = [
        (project(), "**/projects"),
        (project(), "**/labels"),
        (robot(), "**/robots"),
        (retention(), "**/labels"),
        (retention(), "**/retentions"),
    ];
    for (operation, path) in calls {
        let (world, smooth) = (World::new().await, World::new().await);
        let context = world.context(1);
        for world in [&world, &smooth] {
            world.ground(&operation).await;
        }
        smooth.ensure(&operation, 1).await;
        world.sandbox.add_fault(lost("POST", path)).unwrap();
        let error = world.adapter.ensure(&operation, &context).await.unwrap_err();
        assert!(matches!(error, StepError::Transient { .. }), "{path}: {error:?}");
        let again = StepContext {
            retried: true,
            ..context
        };
        let outcome = world.adapter.ensure(&operation, &again).await.unwrap();
        assert_eq!(outcome.provenance, Provenance::Created, "{path}");
        assert_eq!(world.sandbox.state(), smooth.sandbox.state(), "{path}");
        assert_eq!(world.kept_works(), operation == robot());
        let removed = world.remove(&operation, 1, Removal::ThisRun).await;
        assert_eq!(removed, Removed::Deleted, "{path}");
    }
}

#[tokio::test]
async fn of_deleting() {
    for (operation, path) in [
        (project(), "**/projects/*"),
        (robot(), "**/robots/*"),
        (retention(), "**/retentions/*"),
    ] {
        let world = World::new().await;
        world.ground(&operation).await;
        let before = world.sandbox.state();
        world.ensure(&operation, 1).await;
        world.sandbox.add_fault(lost("DELETE", path)).unwrap();
        let context = world.context(1);
        let error = world.adapter.remove(&operation, &context).await.unwrap_err();
        assert!(matches!(error, StepError::Transient { .. }), "{error:?}");
        let removed = world.remove(&operation, 1, Removal::ThisRun).await;
        assert_ne!(removed, Removed::Kept, "{operation:?}");
        assert_eq!(world.sandbox.state(), before, "{operation:?}");
        assert_eq!(world.kept("password"), None);
    }
}

/// The robot is there and its secret was never kept; and then the renewing one is lost as well.
#[tokio::test]
async fn of_renewing_a_secret() {
    let world = World::new().await;
    world.ground(&robot()).await;
    world.sandbox.add_fault(lost("POST", "**/robots")).unwrap();
    world.sandbox.add_fault(lost("PATCH", "**/robots/*")).unwrap();
    let context = world.context(1);
    for _ in 0..2 {
        world.adapter.ensure(&robot(), &context).await.unwrap_err();
    }
    assert_eq!(world.ensure(&robot(), 1).await.provenance, Provenance::Created);
    assert!(world.kept_works());
}
