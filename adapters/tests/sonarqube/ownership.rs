//! Each operation in each row of the table in `docs/adding-an-adapter.md`.

use opstella_adapters::{Removal, Removed, StepContext, ToolAdapter};
use opstella_domain::resource::Provenance;
use serde_json::json;

use crate::support::{ANOTHER, Driven, INSTALLATION, REMOVALS, elsewhere, managed_by, of_another, permanent};
use crate::world::{KEY, URL, World, all, gate, project, token, webhook};

#[tokio::test]
async fn absent_is_made_once() {
    for operation in all() {
        let world = World::before(&operation, 1).await;
        let made = world.ensure(&operation, 1).await;
        assert_eq!(made.provenance, Provenance::Created, "{operation:?}");
        assert!(made.resource.name.contains(KEY), "{made:?}");
        let base = format!("{}/", world.sandbox.tool_url("sonarqube"));
        assert!(made.resource.url.as_ref().unwrap().starts_with(&base), "{made:?}");
        let (before, secrets) = (world.whole().await, world.secrets.all());
        assert_eq!(world.ensure(&operation, 1).await, made, "{operation:?}");
        assert_eq!(
            (world.whole().await, world.secrets.all()),
            (before, secrets),
            "{operation:?}"
        );
    }
}

#[tokio::test]
async fn what_another_run_made_exists() {
    for operation in all() {
        let world = World::before(&operation, 1).await;
        world.ensure(&operation, 1).await;
        let (before, secrets) = (world.whole().await, world.secrets.all());
        assert_eq!(
            world.provenance(&operation, 2).await,
            Provenance::Existing,
            "{operation:?}"
        );
        assert_eq!(
            (world.whole().await, world.secrets.all()),
            (before, secrets),
            "{operation:?}"
        );
    }
}

#[tokio::test]
async fn foreign_things_are_named_and_left_alone() {
    for (operation, name) in [(project(), KEY), (webhook(), URL)] {
        for retried in [false, true] {
            let world = World::with_foreign(&operation).await;
            let before = world.whole().await;
            let context = StepContext {
                retried,
                ..world.context(1)
            };
            let text = permanent(&world.adapter.ensure(&operation, &context).await.unwrap_err());
            assert!(text.contains(name) && text.contains("adoption"), "{text}");
            for removal in [Removal::ThisRun, Removal::Service] {
                let removed = world.remove(&operation, 1, removal).await;
                assert_eq!(removed, Removed::Kept, "{operation:?}");
            }
            assert_eq!(world.whole().await, before, "{operation:?}");
            assert!(world.secrets.all().is_empty(), "{operation:?}");
        }
    }
}

/// A tag is easily put on a project of somebody else's: only one that names the run that made it makes it ours.
#[tokio::test]
async fn a_tag_of_no_run_is_no_mark() {
    let world = World::occupied().await;
    for tags in [
        "opstella",
        "opstella,opstella-run-",
        "opstella,opstella-run-7",
        "opstella-run-7",
        "opstella,opstella-run-00000000-0000-0000-0000-000000000001",
        "opstella,opstella-adopted-run-00000000-0000-0000-0000-000000000001",
        "opstella,opstella-installation-00000000-0000-0000-0000-00000000000a",
    ] {
        world
            .post("project_tags/set", &[("project", KEY), ("tags", tags)])
            .await;
        let before = world.whole().await;
        let text = permanent(&world.refusal(&project(), 1).await);
        assert!(text.contains(KEY) && text.contains("adoption"), "{tags}: {text}");
        for removal in [Removal::ThisRun, Removal::Service] {
            let removed = world.remove(&project(), 1, removal).await;
            assert_eq!(removed, Removed::Kept, "{tags}");
        }
        assert_eq!(world.whole().await, before, "{tags}");
    }
}

#[tokio::test]
async fn what_another_installation_made_is_foreign() {
    for operation in [project(), token(), webhook()] {
        let world = World::before(&operation, 1).await;
        let refusal = world.left_to_another_installation(&operation).await;
        if operation == project() {
            assert!(of_another(&refusal).contains(KEY), "{refusal}");
        }
        if operation != token() {
            // Credentials are not adopted.
            world.secrets.lose_all_of(ANOTHER);
            let adopted = world.adopt(&operation, 2).await;
            assert_eq!(adopted, Provenance::Adopted, "{operation:?}");
        }
    }
}

/// The tags of one count, whatever the name says that another one gave it; and before it has tags, its name.
#[tokio::test]
async fn a_project_is_the_installations_that_its_tags_or_else_its_name_say() {
    let world = World::new().await;
    world.ensure(&project(), 1).await;
    let theirs = elsewhere(world.context(1));
    managed_by(
        &world.adapter.ensure(&project(), &theirs).await.unwrap_err(),
        INSTALLATION,
    );
    for tags in ["team-a", "opstella", "opstella-run-7"] {
        let pairs = [("project", KEY), ("tags", tags)];
        world.post("project_tags/set", &pairs).await;
        managed_by(
            &world.adapter.ensure(&project(), &theirs).await.unwrap_err(),
            INSTALLATION,
        );
    }
    let adopting = StepContext {
        adopt: true,
        ..theirs
    };
    world.adapter.ensure(&project(), &adopting).await.unwrap();
    of_another(&world.refusal(&project(), 1).await);
    for removal in [Removal::ThisRun, Removal::Service] {
        assert_eq!(world.remove(&project(), 1, removal).await, Removed::Kept);
    }
    assert_eq!(world.adopt(&project(), 2).await, Provenance::Adopted);
    let theirs = elsewhere(world.context(1));
    managed_by(
        &world.adapter.ensure(&project(), &theirs).await.unwrap_err(),
        INSTALLATION,
    );
}

/// The name says which run made it where a tag does not, and tags of people stay.
#[tokio::test]
async fn a_project_whose_run_tag_is_gone_is_known_by_its_name() {
    let world = World::new().await;
    world.ensure(&project(), 1).await;
    let tags = world.project().await["tags"].clone();
    for left in ["opstella,team-a", "team-a"] {
        world
            .post("project_tags/set", &[("project", KEY), ("tags", left)])
            .await;
        assert_eq!(world.provenance(&project(), 2).await, Provenance::Existing);
        let mut all = tags.as_array().unwrap().clone();
        all.push(json!("team-a"));
        all.sort_by_key(ToString::to_string);
        assert_eq!(world.project().await["tags"], json!(all), "{left}");
    }
    assert_eq!(
        world.remove(&project(), 1, Removal::ThisRun).await,
        Removed::Deleted
    );
}

#[tokio::test]
async fn nothing_is_put_into_a_foreign_project() {
    for operation in [gate(), token(), webhook()] {
        let world = World::occupied().await;
        let theirs = [("gateName", "Sonar way"), ("projectKey", KEY)];
        world.post("qualitygates/select", &theirs).await;
        let before = world.whole().await;
        let text = permanent(&world.refusal(&operation, 1).await);
        assert!(
            text.contains(&format!("`{KEY}`")) && text.contains("adoption"),
            "{text}"
        );
        for removal in [Removal::ThisRun, Removal::Service] {
            let removed = world.remove(&operation, 1, removal).await;
            assert_ne!(removed, Removed::Deleted, "{operation:?}");
        }
        assert_eq!(world.whole().await, before, "{operation:?}");
        assert!(world.secrets.all().is_empty(), "{operation:?}");
    }
}

#[tokio::test]
async fn adopted_things_stay() {
    for operation in [project(), webhook()] {
        let world = World::with_foreign(&operation).await;
        for _ in 0..2 {
            assert_eq!(
                world.adopt(&operation, 1).await,
                Provenance::Adopted,
                "{operation:?}"
            );
        }
        assert_eq!(
            world.provenance(&operation, 2).await,
            Provenance::Existing,
            "{operation:?}"
        );
        let before = world.whole().await;
        let removed = world.remove(&operation, 2, Removal::ThisRun).await;
        assert_eq!(removed, Removed::Kept, "{operation:?}");
        assert_eq!(world.whole().await, before, "{operation:?}");
        if operation == project() {
            assert_eq!(world.project().await["name"], "Ours");
            let run = "opstella-adopted-run-00000000-0000-0000-0000-000000000001";
            let ours = format!("opstella-installation-{INSTALLATION}");
            let tags = json!(["java", "opstella", run, ours, "team-a"]);
            assert_eq!(world.project().await["tags"], tags);
        }
    }
}

/// The run that adopted it comes to nothing, or the service goes: whoever wants it has to ask for adoption anew.
#[tokio::test]
async fn adopted_things_are_given_back() {
    for operation in [project(), webhook()] {
        for (number, removal) in [(1, Removal::ThisRun), (2, Removal::Service)] {
            let world = World::with_foreign(&operation).await;
            let before = world.whole().await;
            world.adopt(&operation, 1).await;
            for _ in 0..2 {
                let removed = world.remove(&operation, number, removal).await;
                assert_eq!(removed, Removed::Kept, "{operation:?}");
                if operation == project() {
                    assert_eq!(world.whole().await, before, "{removal:?}");
                }
            }
            let text = permanent(&world.refusal(&operation, 3).await);
            assert!(text.contains("adoption"), "{operation:?}: {text}");
        }
    }
}

/// An adopted webhook stays; the secret that the run made for it does not.
#[tokio::test]
async fn the_secret_of_an_adopted_webhook_goes() {
    for removal in [Removal::ThisRun, Removal::Service] {
        let world = World::with_foreign(&webhook()).await;
        world.adopt(&webhook(), 1).await;
        assert_eq!(world.secrets.all().len(), 1);
        assert_eq!(world.remove(&webhook(), 1, removal).await, Removed::Kept);
        assert!(world.secrets.all().is_empty(), "{removal:?}");
    }
}

/// What is put into an adopted project: the gate stays, for nobody knows which was there; the rest is ours to take.
#[tokio::test]
async fn in_an_adopted_project() {
    for (operation, expected) in [
        (gate(), Removed::Kept),
        (token(), Removed::Deleted),
        (webhook(), Removed::Deleted),
    ] {
        let world = World::occupied().await;
        world.adopt(&project(), 1).await;
        world.adopt(&operation, 1).await;
        assert_eq!(
            world.remove(&operation, 2, Removal::ThisRun).await,
            Removed::Kept,
            "{operation:?}"
        );
        assert_eq!(
            world.remove(&operation, 2, Removal::Service).await,
            expected,
            "{operation:?}"
        );
        if expected == Removed::Deleted {
            assert!(world.secrets.all().is_empty(), "{operation:?}");
        }
    }
}

#[tokio::test]
async fn removals_take_what_is_ours() {
    for operation in all() {
        for (number, removal, expected) in REMOVALS {
            let world = World::before(&operation, 1).await;
            let nothing = world.remove(&operation, number, removal).await;
            assert_eq!(nothing, Removed::Absent, "{operation:?}");
            let before = world.whole().await;
            world.ensure(&operation, 1).await;
            let made = (world.whole().await, world.secrets.all());
            let removed = world.remove(&operation, number, removal).await;
            assert_eq!(removed, expected, "{operation:?} {removal:?}");
            if expected == Removed::Kept {
                assert_eq!((world.whole().await, world.secrets.all()), made, "{operation:?}");
                continue;
            }
            assert_eq!(world.whole().await, before, "{operation:?}");
            assert!(world.secrets.all().is_empty(), "{operation:?}");
            let again = world.remove(&operation, number, removal).await;
            assert_eq!(again, Removed::Absent, "{operation:?}");
        }
    }
}

#[tokio::test]
async fn without_the_project_nothing_is_made_and_nothing_is_left() {
    for operation in [gate(), token(), webhook()] {
        let world = World::before(&operation, 1).await;
        world.ensure(&operation, 1).await;
        world.post("projects/delete", &[("project", KEY)]).await;
        let text = permanent(&world.refusal(&operation, 1).await);
        assert!(text.contains(&format!("no project `{KEY}`")), "{text}");
        // Of the token and the webhook there is still the secret.
        let first = if operation == gate() {
            Removed::Absent
        } else {
            Removed::Deleted
        };
        for expected in [first, Removed::Absent] {
            let removed = world.remove(&operation, 1, Removal::ThisRun).await;
            assert_eq!(removed, expected, "{operation:?}");
        }
        assert!(world.secrets.all().is_empty(), "{operation:?}");
    }
}
