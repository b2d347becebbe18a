//! Each operation in each row of the table in `docs/adding-an-adapter.md`.

use opstella_adapters::mark::Mark;
use opstella_adapters::{Removal, Removed, StepContext, ToolAdapter};
use opstella_domain::resource::Provenance;
use serde_json::json;

use crate::operations::{
    all, environment, files, group, marked, occupied, overlay, protected, repository, variables, webhook,
};
use crate::support::{ANOTHER, Driven, REMOVALS, of_another, owner, permanent};
use crate::world::World;

#[tokio::test]
async fn absent_is_made_once() {
    for operation in all() {
        let world = World::before(&operation, 1).await;
        let made = world.ensure(&operation, 1).await;
        assert_eq!(made.provenance, Provenance::Created, "{operation:?}");
        let base = format!("{}/", world.sandbox.tool_url("gitlab"));
        assert!(made.resource.url.as_ref().unwrap().starts_with(&base), "{made:?}");
        let (before, secrets) = (world.whole().await, world.secrets.all());
        assert_eq!(world.ensure(&operation, 1).await, made, "{operation:?}");
        assert_eq!(world.whole().await, before, "{operation:?}");
        assert_eq!(world.secrets.all(), secrets, "{operation:?}");
    }
}

#[tokio::test]
async fn what_another_run_made_exists() {
    for operation in all() {
        let world = World::before(&operation, 1).await;
        world.ensure(&operation, 1).await;
        let before = world.whole().await;
        let provenance = world.provenance(&operation, 2).await;
        assert_eq!(provenance, Provenance::Existing, "{operation:?}");
        assert_eq!(world.whole().await, before, "{operation:?}");
    }
}

#[tokio::test]
async fn foreign_things_are_named_and_left_alone() {
    for (operation, name) in marked() {
        for retried in [false, true] {
            let world = occupied(&operation).await;
            let (before, secrets) = (world.whole().await, world.secrets.all());
            let context = StepContext {
                retried,
                ..world.context(1)
            };
            let error = world.adapter.ensure(&operation, &context).await.unwrap_err();
            let text = permanent(&error);
            assert!(text.contains(name) && text.contains("adoption"), "{text}");
            for removal in [Removal::ThisRun, Removal::Service] {
                let removed = world.remove(&operation, 1, removal).await;
                assert_eq!(removed, Removed::Kept, "{operation:?}");
            }
            assert_eq!(world.whole().await, before, "{operation:?}");
            assert_eq!(world.secrets.all(), secrets, "{operation:?}");
        }
    }
}

#[tokio::test]
async fn what_another_installation_made_is_foreign() {
    for (operation, name) in marked() {
        let world = World::before(&operation, 1).await;
        let text = of_another(&world.left_to_another_installation(&operation).await);
        let name = name.replace("REGISTRY_USER", "IMAGE"); // the first that is looked at
        assert!(text.contains(&name), "{text}");
        // Credentials are not adopted.
        world.secrets.lose_all_of(ANOTHER);
        let adopted = world.adopt(&operation, 2).await;
        assert_eq!(adopted, Provenance::Adopted, "{operation:?}");
    }
}

#[tokio::test]
async fn nothing_is_put_into_a_foreign_repository() {
    for operation in [
        files(None),
        overlay(),
        protected(),
        environment(),
        variables(),
        webhook(),
    ] {
        let world = occupied(&repository()).await;
        let before = world.whole().await;
        let text = permanent(&world.refusal(&operation, 1).await);
        assert!(
            text.contains("`payments/checkout_api`") && text.contains("adoption"),
            "{text}"
        );
        for removal in [Removal::ThisRun, Removal::Service] {
            assert_ne!(
                world.remove(&operation, 1, removal).await,
                Removed::Deleted,
                "{operation:?}"
            );
        }
        assert_eq!(world.whole().await, before, "{operation:?}");
    }
}

#[tokio::test]
async fn adopted_things_stay() {
    for (operation, _) in marked() {
        let world = occupied(&operation).await;
        for _ in 0..2 {
            assert_eq!(
                world.adopt(&operation, 1).await,
                adopted(&operation),
                "{operation:?}"
            );
        }
        assert!(
            world
                .whole()
                .await
                .to_string()
                .contains("Ours.\\nManaged by Opstella"),
            "{operation:?}"
        );
        assert_eq!(
            world.provenance(&operation, 2).await,
            Provenance::Existing,
            "{operation:?}"
        );
        let before = world.sandbox.state();
        let whole = world.whole().await;
        for (number, removal) in [(2, Removal::ThisRun), (2, Removal::Service)] {
            let removed = world.remove(&operation, number, removal).await;
            if removal == Removal::ThisRun {
                assert_eq!(
                    world.whole().await,
                    whole,
                    "{operation:?}: another run's mark stays"
                );
            }
            if operation == variables() && removal == Removal::Service {
                // The adopted one is left, those that run 1 made beside it are not.
                assert_eq!(removed, Removed::Deleted);
                let left = world.inside("variables").await;
                assert_eq!(left.as_array().unwrap().len(), 1, "{left}");
                assert_eq!(left[0]["key"], "OPSTELLA_REGISTRY_USER");
                continue;
            }
            assert_eq!(removed, Removed::Kept, "{operation:?}");
            assert_eq!(world.sandbox.state(), before, "{operation:?}");
        }
    }
}

/// The run that adopted it comes to nothing, or the service goes: people's things are theirs alone again, and whoever
/// wants them has to ask for adoption anew. A project's group stays adopted when one of its services goes.
#[tokio::test]
async fn adopted_things_are_given_back() {
    for (operation, _) in marked() {
        for (number, removal) in [(1, Removal::ThisRun), (2, Removal::Service)] {
            let world = occupied(&operation).await;
            let before = world.whole().await;
            world.adopt(&operation, 1).await;
            world.remove(&operation, number, removal).await;
            if operation == group() && removal == Removal::Service {
                assert_eq!(world.provenance(&operation, 3).await, Provenance::Existing);
                continue;
            }
            let after = world.whole().await;
            assert!(
                !after
                    .to_string()
                    .contains("(adopted by run 00000000-0000-0000-0000-000000000001)")
            );
            // Of what a webhook was told, and of what a variable was, nothing is known any more.
            if operation != webhook() && operation != variables() {
                assert_eq!(after, before, "{operation:?} {removal:?}");
            }
            let text = permanent(&world.refusal(&operation, 3).await);
            assert!(text.contains("adoption"), "{operation:?}: {text}");
            let removed = world.remove(&operation, number, removal).await;
            assert_eq!(removed, Removed::Kept, "{operation:?}");
            assert_eq!(world.whole().await, after, "{operation:?}");
        }
    }
}

/// Two of the three variables are made beside the one that is adopted.
fn adopted(operation: &opstella_domain::operation::Operation) -> Provenance {
    if *operation == variables() {
        Provenance::Created
    } else {
        Provenance::Adopted
    }
}

/// What another service of Opstella has is adopted once, and its mark goes.
#[tokio::test]
async fn the_mark_of_another_service_is_replaced() {
    for (operation, _) in marked() {
        let world = occupied(&operation).await;
        let theirs = Mark::service(&owner("ledger/books", 1)).line();
        let described = json!({"description": format!("Ours.\n{theirs}")});
        let target = match operation {
            _ if operation == group() => "groups/payments".to_owned(),
            _ if operation == repository() => "projects/payments%2Fcheckout_api".to_owned(),
            _ if operation == variables() => World::at("variables/OPSTELLA_REGISTRY_USER"),
            _ => {
                let kind = if operation == webhook() {
                    "hooks"
                } else {
                    "environments"
                };
                let id = world.inside(kind).await[0]["id"].clone();
                World::at(&format!("{kind}/{id}"))
            }
        };
        world.call(http::Method::PUT, &target, described).await;
        permanent(&world.refusal(&operation, 1).await);
        world.adopt(&operation, 1).await;
        let once = world.get(&target).await["description"].clone();
        assert!(!once.to_string().contains("ledger"), "{once}");
        assert_eq!(
            world.adopt(&operation, 1).await,
            adopted(&operation),
            "{operation:?}"
        );
        assert_eq!(world.get(&target).await["description"], once, "{operation:?}");
        assert_eq!(
            world.provenance(&operation, 2).await,
            Provenance::Existing,
            "{operation:?}"
        );
    }
}

#[tokio::test]
async fn removals_take_what_is_ours() {
    for operation in [group(), repository(), environment(), variables(), webhook()] {
        for (number, removal, expected) in REMOVALS {
            // The services of a project share its group.
            let shared = operation == group() && removal == Removal::Service;
            let expected = if shared { Removed::Kept } else { expected };
            let world = World::before(&operation, 9).await;
            let nothing = world.remove(&operation, number, removal).await;
            assert_eq!(nothing, Removed::Absent, "{operation:?}");
            let (before, secrets) = (world.sandbox.state(), world.secrets.all());
            world.ensure(&operation, 1).await;
            let made = (world.whole().await, world.secrets.all());
            let removed = world.remove(&operation, number, removal).await;
            assert_eq!(removed, expected, "{operation:?} {removal:?}");
            if expected == Removed::Kept {
                assert_eq!((world.whole().await, world.secrets.all()), made, "{operation:?}");
                continue;
            }
            assert_eq!(world.sandbox.state(), before, "{operation:?}");
            assert_eq!(world.secrets.all(), secrets, "{operation:?}");
            let again = world.remove(&operation, number, removal).await;
            assert_eq!(again, Removed::Absent, "{operation:?}");
        }
    }
}
