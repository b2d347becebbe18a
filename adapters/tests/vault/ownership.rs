//! Each operation in each row of the table in `docs/adding-an-adapter.md`, on a real OpenBao.

use opstella_adapters::mark::Mark;
use opstella_adapters::{Removal, Removed, StepContext, ToolAdapter};
use opstella_domain::resource::Provenance;
use serde_json::{Value, json};

use crate::support::{Driven, INSTALLATION, REMOVALS, of_another, owner, permanent};
use crate::world::{Server, World};

const OPERATIONS: usize = 4;

#[tokio::test]
async fn absent_is_made_once_and_exists_for_the_next_run() {
    let server = Server::bao().await;
    for which in 0..OPERATIONS {
        let world = World::of(&server, &format!("s{which}"));
        let operation = world.operation(which);
        let made = world.ensure(&operation, 1).await;
        assert_eq!(made.provenance, Provenance::Created, "{operation:?}");
        assert!(made.resource.name.contains(&format!("s{which}")), "{made:?}");
        let before = world.there(&operation).await;
        assert_ne!(before, Value::Null, "{operation:?}");
        assert_eq!(world.ensure(&operation, 1).await, made, "{operation:?}");
        assert_eq!(
            world.provenance(&operation, 2).await,
            Provenance::Existing,
            "{operation:?}"
        );
        assert_eq!(world.there(&operation).await, before, "{operation:?}");
    }
}

#[tokio::test]
async fn foreign_things_are_named_and_left_alone() {
    let server = Server::bao().await;
    for which in 0..OPERATIONS {
        for retried in [false, true] {
            let world = World::of(&server, &format!("s{which}-{retried}"));
            let operation = world.operation(which);
            world.occupy(&operation).await;
            let before = world.there(&operation).await;
            let context = StepContext {
                retried,
                ..world.context(1)
            };
            let error = world.adapter.ensure(&operation, &context).await.unwrap_err();
            let text = permanent(&error);
            let name = if which == 0 {
                world.path().to_string()
            } else {
                world.name().to_string()
            };
            assert!(text.contains(&name) && text.contains("adoption"), "{text}");
            for removal in [Removal::ThisRun, Removal::Service] {
                let removed = world.remove(&operation, 1, removal).await;
                assert_eq!(removed, Removed::Kept, "{operation:?}");
            }
            assert_eq!(world.there(&operation).await, before, "{operation:?}");
        }
    }
}

/// Another service's, by its mark; and a role that has our policy among others, which somebody gave it by hand.
#[tokio::test]
async fn a_likeness_does_not_make_it_ours() {
    let server = Server::bao().await;
    let theirs = Mark::service(&owner("ledger/books", 1)).line();
    for which in 0..OPERATIONS {
        let world = World::of(&server, &format!("s{which}"));
        let (operation, name) = (world.operation(which), world.name());
        let body = match which {
            0 => json!({"custom_metadata": {
                "managed_by": "opstella", "installation": INSTALLATION, "owner": "ledger/books",
                "run": crate::support::run(1).to_string(),
            }}),
            1 => json!({"policy": format!("# {theirs}\npath \"x\" {{ capabilities = [\"read\"] }}\n")}),
            _ => json!({"token_policies": [name, "admin"], "bound_service_account_names": ["theirs"],
                        "bound_service_account_namespaces": ["theirs"]}),
        };
        world.post(&world.target(&operation), body).await;
        let before = world.there(&operation).await;
        permanent(&world.refusal(&operation, 1).await);
        for removal in [Removal::ThisRun, Removal::Service] {
            assert_eq!(
                world.remove(&operation, 1, removal).await,
                Removed::Kept,
                "{operation:?}"
            );
        }
        assert_eq!(world.there(&operation).await, before, "{operation:?}");
    }
}

#[tokio::test]
async fn what_another_installation_made_is_foreign() {
    let server = Server::bao().await;
    for which in 0..OPERATIONS {
        let world = World::of(&server, &format!("s{which}"));
        let operation = world.operation(which);
        of_another(&world.left_to_another_installation(&operation).await);
        let adopted = world.adopt(&operation, 2).await;
        assert_eq!(adopted, Provenance::Adopted, "{operation:?}");
    }
}

#[tokio::test]
async fn adopted_things_stay() {
    let server = Server::bao().await;
    for which in 0..OPERATIONS {
        let world = World::of(&server, &format!("s{which}"));
        let operation = world.operation(which);
        world.occupy(&operation).await;
        let mut before = Value::Null;
        for _ in 0..2 {
            assert_eq!(
                world.adopt(&operation, 1).await,
                Provenance::Adopted,
                "{operation:?}"
            );
            let there = world.there(&operation).await;
            assert!(before.is_null() || before == there, "{operation:?}: {there}");
            before = there;
        }
        assert_eq!(
            world.provenance(&operation, 2).await,
            Provenance::Existing,
            "{operation:?}"
        );
        assert_eq!(world.there(&operation).await, before, "{operation:?}");
        let removed = world.remove(&operation, 2, Removal::ThisRun).await;
        assert_eq!(removed, Removed::Kept, "{operation:?}");
        assert_eq!(world.there(&operation).await, before, "{operation:?}");
        // The run that adopted it comes to nothing, or the service goes: whoever wants it has to ask anew.
        for (number, removal) in [(1, Removal::ThisRun), (2, Removal::Service)] {
            let removed = world.remove(&operation, number, removal).await;
            assert_eq!(removed, Removed::Kept, "{operation:?}");
            let after = world.there(&operation).await;
            let text = permanent(&world.refusal(&operation, 3).await);
            assert!(text.contains("adoption"), "{operation:?}: {text}");
            let removed = world.remove(&operation, number, removal).await;
            assert_eq!(removed, Removed::Kept, "{operation:?}");
            assert_eq!(world.there(&operation).await, after, "{operation:?}");
            assert!(!after.to_string().contains("adopted"), "{after}");
            world.adopt(&operation, 1).await;
        }
    }
    let path = World::of(&server, "s0").path();
    let kept = World::of(&server, "s0").get(&format!("secret/data/{path}")).await;
    assert_eq!(kept["data"]["password"], "theirs");
    assert_eq!(kept["metadata"]["custom_metadata"]["team"], "ledger");
}

#[tokio::test]
async fn removals_take_what_is_ours() {
    let server = Server::bao().await;
    for which in 0..OPERATIONS {
        for (row, (number, removal, expected)) in REMOVALS.into_iter().enumerate() {
            let world = World::of(&server, &format!("s{which}-{row}"));
            let operation = world.operation(which);
            let nothing = world.remove(&operation, number, removal).await;
            assert_eq!(nothing, Removed::Absent, "{operation:?}");
            world.ensure(&operation, 1).await;
            let made = world.there(&operation).await;
            let removed = world.remove(&operation, number, removal).await;
            assert_eq!(removed, expected, "{operation:?} {removal:?}");
            if expected == Removed::Kept {
                assert_eq!(world.there(&operation).await, made, "{operation:?}");
                continue;
            }
            assert_eq!(world.there(&operation).await, Value::Null, "{operation:?}");
            let again = world.remove(&operation, number, removal).await;
            assert_eq!(again, Removed::Absent, "{operation:?}");
        }
    }
}
