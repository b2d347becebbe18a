//! Each operation in each row of the table in `docs/adding-an-adapter.md`.

use opstella_adapters::{Removal, Removed, StepContext, StepError, ToolAdapter};
use opstella_domain::operation::Operation;
use opstella_domain::resource::Provenance;
use serde_json::Value;

use crate::support::{ANOTHER, Driven, of_another};
use crate::world::{PROJECT, ROBOT, World, project, retention, robot};

fn operations() -> [(Operation, &'static str); 3] {
    [(project(), PROJECT), (robot(), ROBOT), (retention(), PROJECT)]
}

#[tokio::test]
async fn absent_is_made_once() {
    for (operation, name) in operations() {
        let world = World::new().await;
        world.ground(&operation).await;
        let made = world.ensure(&operation, 1).await;
        assert_eq!(made.provenance, Provenance::Created, "{operation:?}");
        assert!(made.resource.name.contains(name), "{made:?}");
        let (base, id) = (world.sandbox.tool_url("harbor"), world.project_id());
        let pages = format!("{base}/harbor/projects/{id}/");
        assert!(
            made.resource.url.as_ref().unwrap().starts_with(&pages),
            "{made:?}"
        );
        let before = world.whole();
        assert_eq!(world.ensure(&operation, 1).await, made, "{operation:?}");
        assert_eq!(world.whole(), before, "{operation:?}");
    }
}

#[tokio::test]
async fn what_another_run_made_exists() {
    for (operation, _) in operations() {
        let world = World::new().await;
        world.ground(&operation).await;
        world.ensure(&operation, 1).await;
        let before = world.whole();
        let provenance = world.ensure(&operation, 2).await.provenance;
        assert_eq!(provenance, Provenance::Existing, "{operation:?}");
        assert_eq!(world.whole(), before, "{operation:?}");
    }
}

#[tokio::test]
async fn foreign_things_are_named_and_left_alone() {
    for (operation, name) in operations() {
        for retried in [false, true] {
            let world = World::new().await;
            world.occupy(&operation).await;
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            let before = world.whole();
            let context = StepContext {
                retried,
                ..world.context(1)
            };
            let error = world.adapter.ensure(&operation, &context).await.unwrap_err();
            assert!(matches!(error, StepError::Permanent { .. }), "{error:?}");
            let text = error.to_string();
            assert!(text.contains(name) && text.contains("adoption"), "{text}");
            for removal in [Removal::ThisRun, Removal::Service] {
                let removed = world.remove(&operation, 1, removal).await;
                assert_eq!(removed, Removed::Kept, "{operation:?}");
            }
            assert_eq!(world.whole(), before, "{operation:?}");
        }
    }
}

#[tokio::test]
async fn adopted_things_stay() {
    for (operation, _) in operations() {
        let world = World::new().await;
        world.occupy(&operation).await;
        for _ in 0..2 {
            let provenance = world.adopt(&operation, 1).await;
            assert_eq!(provenance, Provenance::Adopted, "{operation:?}");
        }
        let provenance = world.ensure(&operation, 2).await.provenance;
        assert_eq!(provenance, Provenance::Existing, "{operation:?}");
        let before = world.whole();
        let removed = world.remove(&operation, 2, Removal::ThisRun).await;
        assert_eq!(removed, Removed::Kept, "{operation:?}");
        assert_eq!(world.whole(), before, "{operation:?}");
        let removed = world.remove(&operation, 1, Removal::ThisRun).await;
        assert_eq!(removed, Removed::Kept, "{operation:?}");
        assert_eq!(world.kept("password"), None, "what a run kept, a removal forgets");
    }
}

#[tokio::test]
async fn what_another_installation_made_is_foreign() {
    for (operation, name) in operations() {
        let world = World::new().await;
        world.ground(&operation).await;
        let text = of_another(&world.left_to_another_installation(&operation).await);
        assert!(text.contains(name), "{text}");
        // Credentials are not adopted.
        world.secrets.lose_all_of(ANOTHER);
        assert_eq!(world.adopt(&operation, 2).await, Provenance::Adopted);
    }
}

/// The run that adopted it comes to nothing, or the service goes: whoever wants it has to ask for adoption anew.
#[tokio::test]
async fn adopted_things_are_given_back() {
    for (operation, _) in operations() {
        for (number, removal) in [(1, Removal::ThisRun), (2, Removal::Service)] {
            let world = World::new().await;
            world.occupy(&operation).await;
            let before = untimed(world.whole());
            world.adopt(&operation, 1).await;
            let removed = world.remove(&operation, number, removal).await;
            assert_eq!(removed, Removed::Kept, "{operation:?}");
            let after = world.whole();
            assert_eq!(untimed(after.clone()), before, "{operation:?} {removal:?}");
            let refused = world.adapter.ensure(&operation, &world.context(3)).await;
            let text = refused.unwrap_err().to_string();
            assert!(text.contains("adoption"), "{operation:?}: {text}");
            let removed = world.remove(&operation, number, removal).await;
            assert_eq!(removed, Removed::Kept, "{operation:?}");
            assert_eq!(world.whole(), after, "{operation:?}");
        }
    }
}

/// Without when it was last changed.
fn untimed(mut whole: Value) -> Value {
    match &mut whole {
        Value::Object(fields) => {
            fields.remove("update_time");
            fields
                .values_mut()
                .for_each(|field| *field = untimed(field.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = untimed(item.take())),
        _ => {}
    }
    whole
}

#[tokio::test]
async fn removals_take_what_is_ours() {
    let rows = [
        (1, Removal::ThisRun, Removed::Deleted),
        (2, Removal::ThisRun, Removed::Kept),
        (1, Removal::Service, Removed::Deleted),
        (2, Removal::Service, Removed::Deleted),
    ];
    for (operation, _) in operations() {
        for (number, removal, expected) in rows {
            let world = World::new().await;
            world.ground(&operation).await;
            let nothing = world.remove(&operation, number, removal).await;
            assert_eq!(nothing, Removed::Absent, "{operation:?}");
            let before = world.sandbox.state();
            world.ensure(&operation, 1).await;
            let made = world.sandbox.state();
            let removed = world.remove(&operation, number, removal).await;
            assert_eq!(removed, expected, "{operation:?} {removal:?}");
            if expected == Removed::Kept {
                assert_eq!(world.sandbox.state(), made, "{operation:?}");
                assert_eq!(world.kept_works(), operation == robot());
                continue;
            }
            assert_eq!(world.sandbox.state(), before, "{operation:?}");
            assert_eq!(world.kept("password"), None);
            let again = world.remove(&operation, number, removal).await;
            assert_eq!(again, Removed::Absent, "{operation:?}");
        }
    }
}

#[tokio::test]
async fn without_the_project_nothing_is_left() {
    for (operation, expected) in [(robot(), Removed::Deleted), (retention(), Removed::Absent)] {
        let world = World::new().await;
        world.ground(&operation).await;
        world.ensure(&operation, 1).await;
        world.raw("DELETE", &format!("/projects/{PROJECT}"), Value::Null);
        // Of the robot there is still the secret.
        for expected in [expected, Removed::Absent] {
            let removed = world.remove(&operation, 1, Removal::ThisRun).await;
            assert_eq!(removed, expected, "{operation:?}");
        }
        assert_eq!(world.kept("password"), None);
        let context = world.context(1);
        let error = world.adapter.ensure(&operation, &context).await.unwrap_err();
        assert!(matches!(error, StepError::Permanent { .. }), "{error:?}");
        assert!(error.to_string().contains(PROJECT), "{error}");
    }
}
