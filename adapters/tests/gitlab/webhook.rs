//! What is particular to the webhook and its token.

use http::Method;
use opstella_adapters::{Removal, Removed};
use opstella_domain::operation::Operation;
use opstella_domain::resource::Provenance;
use opstella_sandbox::Fault;
use serde_json::{Value, json};

use crate::operations::{URL, path, webhook, webhook_secret};
use crate::support::{Driven, lost, transient};
use crate::world::World;

/// The tokens that were sent to GitLab, one after the other: it never tells them.
fn tokens(world: &World) -> Vec<String> {
    let exchanges = world.sandbox.exchanges();
    let bodies = exchanges
        .iter()
        .filter(|e| e.method != Method::GET && e.path.contains("/hooks"));
    let bodies = bodies.map(|e| serde_json::from_slice(&e.request_body).unwrap());
    bodies
        .map(|body: Value| body["token"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn its_token_is_kept_and_stays_the_same() {
    let world = World::with_repository(1).await;
    world.ensure(&webhook(), 1).await;
    let kept = world.secrets.kept(&webhook_secret(), "secret").unwrap();
    assert_eq!(kept.len(), 64);
    world.ensure(&webhook(), 1).await;
    world.ensure(&webhook(), 2).await;
    assert_eq!(tokens(&world), vec![kept.clone(); 3]);
    let hooks = world.inside("hooks").await;
    assert!(!hooks.to_string().contains(&kept));
    assert_eq!(hooks.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_lost_token_is_made_anew_and_told() {
    let world = World::with_repository(1).await;
    world.ensure(&webhook(), 1).await;
    world.secrets.lose(&webhook_secret());
    assert_eq!(world.provenance(&webhook(), 2).await, Provenance::Existing);
    let kept = world.secrets.kept(&webhook_secret(), "secret").unwrap();
    let told = tokens(&world);
    assert_eq!(told[1], kept);
    assert_ne!(told[0], kept);
}

#[tokio::test]
async fn it_tells_what_opstella_listens_to() {
    let world = World::with_repository(1).await;
    world.ensure(&webhook(), 1).await;
    let hook = world.inside("hooks").await[0].clone();
    for event in ["push", "tag_push", "merge_requests", "pipeline", "deployment"] {
        assert_eq!(hook[format!("{event}_events")], true, "{event}");
    }
    assert_eq!(
        (&hook["enable_ssl_verification"], &hook["issues_events"]),
        (&json!(true), &json!(false))
    );
    // Drift is put right.
    let drifted = json!({"push_events": false, "enable_ssl_verification": false});
    world.put_inside(&format!("hooks/{}", hook["id"]), drifted).await;
    world.ensure(&webhook(), 2).await;
    assert_eq!(world.inside("hooks").await[0], hook);
}

#[tokio::test]
async fn it_moves_with_opstella() {
    let world = World::with_repository(1).await;
    world.ensure(&webhook(), 1).await;
    let moved = Operation::GitlabWebhook {
        repository: path(),
        url: "https://new.example/hooks".into(),
        secret: webhook_secret(),
    };
    assert_eq!(world.provenance(&moved, 2).await, Provenance::Existing);
    let hooks = world.inside("hooks").await;
    assert_eq!(hooks.as_array().unwrap().len(), 1);
    assert_eq!(hooks[0]["url"], "https://new.example/hooks");
    assert_eq!(
        world.remove(&webhook(), 2, Removal::Service).await,
        Removed::Deleted
    );
    assert_eq!(world.inside("hooks").await, json!([]));
}

#[tokio::test]
async fn others_are_nobodys_business() {
    let world = World::with_repository(1).await;
    for number in 0..110 {
        let body = json!({"url": format!("https://theirs.example/{number}")});
        world.post_inside("hooks", body).await;
    }
    world.ensure(&webhook(), 1).await;
    world.ensure(&webhook(), 1).await;
    let second = world.inside("hooks?per_page=100&page=2").await;
    assert_eq!(second.as_array().unwrap().len(), 11);
    assert_eq!(second[10]["url"], URL);
    assert_eq!(
        world.remove(&webhook(), 1, Removal::ThisRun).await,
        Removed::Deleted
    );
    let second = world.inside("hooks?per_page=100&page=2").await;
    assert_eq!(second.as_array().unwrap().len(), 10);
}

/// The repository went first, or the webhook by hand: its secret goes all the same.
#[tokio::test]
async fn the_secret_does_not_outlive_it() {
    for gone in ["hooks", "repository"] {
        let world = World::with_repository(1).await;
        world.ensure(&webhook(), 1).await;
        let target = match gone {
            "hooks" => World::at(&format!("hooks/{}", world.inside("hooks").await[0]["id"])),
            _ => "projects/payments%2Fcheckout_api".to_owned(),
        };
        world.call(Method::DELETE, &target, Value::Null).await;
        assert_eq!(
            world.remove(&webhook(), 2, Removal::ThisRun).await,
            Removed::Absent,
            "{gone}"
        );
        assert!(world.secrets.kept(&webhook_secret(), "secret").is_some());
        for expected in [Removed::Deleted, Removed::Absent] {
            assert_eq!(
                world.remove(&webhook(), 1, Removal::ThisRun).await,
                expected,
                "{gone}"
            );
        }
        assert_eq!(world.secrets.kept(&webhook_secret(), "secret"), None);
    }
}

/// An adopted webhook stays; the secret that the run made for it does not.
#[tokio::test]
async fn the_secret_of_an_adopted_one_goes() {
    for removal in [Removal::ThisRun, Removal::Service] {
        let world = World::with_repository(9).await;
        world.post_inside("hooks", json!({"url": URL})).await;
        assert_eq!(world.adopt(&webhook(), 1).await, Provenance::Adopted);
        assert!(world.secrets.kept(&webhook_secret(), "secret").is_some());
        assert_eq!(world.remove(&webhook(), 1, removal).await, Removed::Kept);
        assert_eq!(
            world.secrets.kept(&webhook_secret(), "secret"),
            None,
            "{removal:?}"
        );
        assert_eq!(world.inside("hooks").await.as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn its_token_is_the_one_that_was_kept_before_the_answer_was_lost() {
    let world = World::with_repository(1).await;
    world
        .sandbox
        .add_fault(lost("gitlab", "POST", "**/hooks"))
        .unwrap();
    transient(&world.refusal(&webhook(), 1).await);
    assert_eq!(world.provenance(&webhook(), 1).await, Provenance::Created);
    let kept = world.secrets.kept(&webhook_secret(), "secret").unwrap();
    assert_eq!(tokens(&world), vec![kept; 2]);
    let gone = Fault::on("gitlab")
        .method("GET")
        .path("**/hooks")
        .status(404)
        .times(1);
    world.sandbox.add_fault(gone).unwrap();
    assert_eq!(
        world.remove(&webhook(), 1, Removal::ThisRun).await,
        Removed::Deleted
    );
}
