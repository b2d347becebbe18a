//! What is particular to protections and environments.

use http::Method;
use opstella_adapters::{Removal, Removed};
use opstella_domain::EnvironmentSet;
use opstella_domain::operation::Operation;
use opstella_domain::resource::Provenance;
use serde_json::{Value, json};

use crate::operations::{environment, files, path, protected, repository};
use crate::support::Driven;
use crate::world::World;

#[tokio::test]
async fn the_default_branch_is_protected_whoever_began() {
    let settings = [
        json!({"allow_force_push": true}),
        json!({"push_access_level": 30}),
        json!({"push_access_level": 30, "allow_force_push": true}),
    ];
    for mut settings in settings {
        let world = World::with_repository(1).await;
        settings["name"] = "main".into();
        world.post_inside("protected_branches", settings).await;
        assert_eq!(world.provenance(&protected(), 2).await, Provenance::Existing);
        let there = world.inside("protected_branches/main").await;
        assert_eq!(there["allow_force_push"], false, "{there}");
        let levels = there["push_access_levels"].as_array().unwrap();
        let levels: Vec<_> = levels.iter().map(|level| &level["access_level"]).collect();
        assert_eq!(levels, [40], "{there}");
        let writes = world.writes();
        world.ensure(&protected(), 2).await;
        assert_eq!(world.writes(), writes);
    }
}

#[tokio::test]
async fn a_protection_goes_with_its_repository() {
    let world = World::with_repository(1).await;
    world.ensure(&files(None), 1).await;
    world.ensure(&protected(), 1).await;
    for (number, removal, expected) in crate::support::REMOVALS {
        assert_eq!(world.remove(&protected(), number, removal).await, expected);
    }
    world.inside("protected_branches/main").await;
    let adopted = World::with_adopted_repository().await;
    adopted.ensure(&protected(), 1).await;
    assert_eq!(
        adopted.remove(&protected(), 1, Removal::Service).await,
        Removed::Kept
    );
}

/// What its owner allows on the default branch could not be given back.
#[tokio::test]
async fn an_adopted_repository_keeps_its_own_protection() {
    for theirs in [
        None,
        Some(json!({"name": "main", "push_access_level": 30, "allow_force_push": true})),
    ] {
        for marked in [true, false] {
            let world = World::before(&repository(), 9).await;
            world.foreign_repository().await;
            // GitLab protected it by itself.
            let main = World::at("protected_branches/main");
            world.call(Method::DELETE, &main, Value::Null).await;
            if let Some(theirs) = &theirs {
                world.post_inside("protected_branches", theirs.clone()).await;
            }
            if marked {
                world.adopt(&repository(), 1).await;
            }
            let before = world.inside("protected_branches").await;
            assert_eq!(world.adopt(&protected(), 1).await, Provenance::Adopted);
            if marked {
                assert_eq!(world.provenance(&protected(), 2).await, Provenance::Existing);
            }
            assert_eq!(
                world.remove(&protected(), 1, Removal::Service).await,
                Removed::Kept
            );
            assert_eq!(world.inside("protected_branches").await, before);
        }
    }
}

#[tokio::test]
async fn environments_have_their_tier() {
    let world = World::with_repository(1).await;
    for wanted in EnvironmentSet::all().iter() {
        let operation = Operation::GitlabEnvironment {
            repository: path(),
            environment: wanted,
        };
        world.ensure(&operation, 1).await;
    }
    let there = world.inside("environments").await;
    let tier = |name: &str| {
        there
            .as_array()
            .unwrap()
            .iter()
            .find(|e| e["name"] == name)
            .unwrap()["tier"]
            .clone()
    };
    let tiers = ["dev", "sit", "uat", "pre", "prd"].map(tier);
    assert_eq!(
        tiers,
        ["development", "testing", "staging", "staging", "production"]
    );
    let dev = there
        .as_array()
        .unwrap()
        .iter()
        .find(|e| e["name"] == "dev")
        .unwrap();
    let id = dev["id"].clone();
    world
        .put_inside(&format!("environments/{id}"), json!({"tier": "production"}))
        .await;
    world.ensure(&environment(), 2).await;
    assert_eq!(
        world.inside(&format!("environments/{id}")).await["tier"],
        "development"
    );
}

/// A job that names an environment makes it, without our mark: in our repository it is no stranger.
#[tokio::test]
async fn an_environment_that_a_job_made_is_taken_and_left() {
    let world = World::with_repository(1).await;
    world.post_inside("environments", json!({"name": "dev"})).await;
    assert_eq!(world.provenance(&environment(), 1).await, Provenance::Existing);
    assert_eq!(
        world.remove(&environment(), 1, Removal::ThisRun).await,
        Removed::Kept
    );
}
