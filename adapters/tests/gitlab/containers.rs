//! What is particular to groups and repositories.

use http::Method;
use opstella_adapters::{Removal, Removed, StepContext, ToolAdapter};
use opstella_domain::naming::RepositoryPath;
use opstella_domain::operation::Operation;
use opstella_domain::resource::Provenance;
use opstella_sandbox::Fault;
use serde_json::{Value, json};

use crate::operations::{group, repository};
use crate::support::{Driven, elsewhere, owner, permanent, transient};
use crate::world::World;

#[tokio::test]
async fn a_group_is_shared_by_the_services_of_its_project() {
    let world = World::new().await;
    world.ensure(&group(), 1).await;
    let other = StepContext {
        owner: owner("payments/ledger", 2),
        ..world.context(2)
    };
    let outcome = world.adapter.ensure(&group(), &other).await.unwrap();
    assert_eq!(outcome.provenance, Provenance::Existing);
    assert_eq!(world.get("groups/payments").await["visibility"], "private");
}

#[tokio::test]
async fn a_group_in_use_stays() {
    for inside in ["project", "subgroup"] {
        let world = World::new().await;
        world.ensure(&group(), 1).await;
        let id = world.get("groups/payments").await["id"].clone();
        let (kind, target) = match inside {
            "project" => ("projects", json!({"name": "ledger_api", "namespace_id": id})),
            _ => ("groups", json!({"name": "team", "path": "team", "parent_id": id})),
        };
        let made = world.post(kind, target).await["id"].clone();
        assert_eq!(
            world.remove(&group(), 1, Removal::ThisRun).await,
            Removed::Kept,
            "{inside}"
        );
        world.get(&format!("{kind}/{made}")).await;
        world
            .call(Method::DELETE, &format!("{kind}/{made}"), Value::Null)
            .await;
        assert_eq!(
            world.remove(&group(), 1, Removal::ThisRun).await,
            Removed::Deleted,
            "{inside}"
        );
    }
}

/// Another service's run made the group, unwound, and deleted it after this run had found it.
#[tokio::test]
async fn a_group_that_was_deleted_meanwhile_is_made_again() {
    let world = World::new().await;
    world.ensure(&group(), 2).await;
    assert_eq!(world.provenance(&group(), 1).await, Provenance::Existing);
    let removed = world.remove(&group(), 2, Removal::ThisRun).await;
    assert_eq!(removed, Removed::Deleted);
    assert_eq!(world.provenance(&repository(), 1).await, Provenance::Created);
    assert_eq!(world.provenance(&group(), 1).await, Provenance::Created);
}

#[tokio::test]
async fn nothing_is_made_in_a_group_that_goes() {
    let world = World::new().await;
    world.ensure(&group(), 2).await;
    let description = world.get("groups/payments").await["description"].clone();
    let description = description.as_str().unwrap();
    let going = json!({"description": format!("{description}\n{}", going_line(2))});
    let other = json!({"description": format!("{description}\n{}", going_line(3))});
    world.call(Method::PUT, "groups/payments", going.clone()).await;
    for operation in [group(), repository()] {
        let text = transient(&world.refusal(&operation, 1).await);
        assert!(text.contains("is being deleted"), "{text}");
    }
    // A repository was made after all, and the run that unwinds finds it, also in its next try.
    world
        .call(
            Method::PUT,
            "groups/payments",
            json!({"description": description}),
        )
        .await;
    world.ensure(&repository(), 1).await;
    world.call(Method::PUT, "groups/payments", going).await;
    transient(&world.refusal(&repository(), 1).await);
    let removed = world.remove(&group(), 2, Removal::ThisRun).await;
    assert_eq!(removed, Removed::Kept);
    assert_eq!(world.get("groups/payments").await["description"], description);
    assert_eq!(world.provenance(&repository(), 1).await, Provenance::Created);
    // What another run says of itself stays said.
    world.call(Method::PUT, "groups/payments", other.clone()).await;
    assert_eq!(world.remove(&group(), 2, Removal::ThisRun).await, Removed::Kept);
    assert_eq!(
        world.get("groups/payments").await["description"],
        other["description"]
    );
}

/// The description of a group takes the lines of two runs: a third one waits until one of them is through.
#[tokio::test]
async fn a_third_run_that_unwinds_waits_for_the_others() {
    let world = World::new().await;
    world.ensure(&group(), 1).await;
    let mark = world.get("groups/payments").await["description"].clone();
    let two = format!("{}\n{}\n{}", mark.as_str().unwrap(), going_line(2), going_line(3));
    world
        .call(Method::PUT, "groups/payments", json!({"description": two}))
        .await;
    let text = transient(&world.remove_failing(&group(), 1).await);
    assert!(text.contains("`payments` is being deleted"), "{text}");
    assert_eq!(world.get("groups/payments").await["description"], two);
    world
        .call(Method::PUT, "groups/payments", json!({"description": mark}))
        .await;
    let removed = world.remove(&group(), 1, Removal::ThisRun).await;
    assert_eq!(removed, Removed::Deleted);
}

/// The line of a run that is about to delete the group.
fn going_line(run: u128) -> String {
    format!("Opstella deletes: {}", crate::support::run(run))
}

/// This run found the group, and whoever made it has left it to this run's repository.
#[tokio::test]
async fn the_last_repository_to_be_undone_takes_the_group_along() {
    let world = World::new().await;
    world.ensure(&group(), 2).await;
    assert_eq!(world.provenance(&group(), 1).await, Provenance::Existing);
    world.ensure(&repository(), 1).await;
    assert_eq!(world.remove(&group(), 2, Removal::ThisRun).await, Removed::Kept);
    let removed = world.remove(&repository(), 1, Removal::ThisRun).await;
    assert_eq!(removed, Removed::Deleted);
    assert_eq!(world.sandbox.state()["gitlab"], json!({}));
    // The same where this run's repository made the group again, and where the process died in between.
    world.ensure(&repository(), 1).await;
    world
        .call(Method::DELETE, "projects/payments%2Fcheckout_api", Value::Null)
        .await;
    let removed = world.remove(&repository(), 1, Removal::ThisRun).await;
    assert_eq!(removed, Removed::Absent);
    assert_eq!(world.sandbox.state()["gitlab"], json!({}));
}

#[tokio::test]
async fn undoing_a_repository_leaves_a_group_that_is_in_use_or_not_opstellas() {
    // Somebody else's repository is in it.
    let world = World::before(&repository(), 9).await;
    world.ensure(&repository(), 1).await;
    world.remove(&repository(), 1, Removal::ThisRun).await;
    world.get("groups/payments").await;
    // Decommissioning leaves it for the project's next service.
    let world = World::with_repository(1).await;
    world.remove(&repository(), 1, Removal::Service).await;
    world.get("groups/payments").await;
    // It is somebody's, or was.
    let world = World::new().await;
    world
        .post("groups", json!({"name": "payments", "path": "payments"}))
        .await;
    for adopted in [false, true] {
        if adopted {
            world.adopt(&group(), 1).await;
        }
        world.ensure(&repository(), 1).await;
        world.remove(&repository(), 1, Removal::ThisRun).await;
        world.get("groups/payments").await;
    }
}

/// Another installation has a project of the same name in it, whose group we are in as well: it stays, whoever of us is
/// the last one to leave, and its mark stays too.
#[tokio::test]
async fn a_group_of_another_installation_stays() {
    for adopted in [false, true] {
        let world = World::new().await;
        if adopted {
            let body = json!({"name": "payments", "path": "payments"});
            world.post("groups", body).await;
        }
        let theirs = StepContext {
            adopt: adopted,
            ..elsewhere(world.context(1))
        };
        world.adapter.ensure(&group(), &theirs).await.unwrap();
        let before = world.get("groups/payments").await["description"].clone();
        for removal in [Removal::ThisRun, Removal::Service] {
            world.ensure(&repository(), 1).await;
            let removed = world.remove(&repository(), 1, removal).await;
            assert_eq!(removed, Removed::Deleted);
            assert_eq!(world.remove(&group(), 1, removal).await, Removed::Kept);
        }
        assert_eq!(world.get("groups/payments").await["description"], before);
    }
}

/// Runs of several services unwind at once; whichever is the last one takes the group along.
#[tokio::test]
async fn runs_that_unwind_at_once_leave_no_group() {
    let world = World::new().await;
    let runs: Vec<_> = (1..=4)
        .map(|number| {
            let service = format!("payments/service-{number}");
            let context = StepContext {
                owner: owner(&service, number),
                ..world.context(number)
            };
            let key = service.parse().unwrap();
            let repository = RepositoryPath::of(&key, &"api".parse().unwrap());
            (context, Operation::GitlabProject { repository })
        })
        .collect();
    for (context, operation) in &runs {
        world.adapter.ensure(operation, context).await.unwrap();
    }
    let undone = runs.iter().map(async |(context, operation)| {
        // Those that get into each other's way are tried again.
        for _ in 0..100 {
            match world.adapter.remove(operation, context).await {
                Ok(_) => return,
                Err(error) => drop(transient(&error)),
            }
        }
        panic!("{operation:?} was never undone");
    });
    futures::future::join_all(undone).await;
    assert_eq!(world.sandbox.state()["gitlab"], json!({}));
}

#[tokio::test]
async fn without_the_repository_nothing_is_made_in_it() {
    for operation in crate::operations::all().into_iter().skip(2) {
        let world = World::before(&repository(), 1).await;
        let text = permanent(&world.refusal(&operation, 1).await);
        assert!(text.contains("no repository `payments/checkout_api`"), "{text}");
        for removal in [Removal::ThisRun, Removal::Service] {
            assert_eq!(
                world.remove(&operation, 1, removal).await,
                Removed::Absent,
                "{operation:?}"
            );
        }
    }
}

/// A user, or a group, has the name that we cannot see: the refusal is told.
#[tokio::test]
async fn a_name_that_is_taken_out_of_sight_is_permanent() {
    for (operation, path) in [(group(), "**/groups"), (repository(), "**/projects")] {
        let world = World::before(&operation, 1).await;
        let taken = Fault::on("gitlab").method("POST").path(path).status(400);
        let body = json!({"message": {"path": ["has already been taken"]}});
        world.sandbox.add_fault(taken.body(body)).unwrap();
        let text = permanent(&world.refusal(&operation, 1).await);
        assert!(text.contains("already been taken"), "{text}");
    }
}

/// Another service's run made the group between our look and our call.
#[tokio::test]
async fn a_faster_run_is_found() {
    let world = World::new().await;
    world.ensure(&group(), 2).await;
    let unseen = Fault::on("gitlab")
        .method("GET")
        .path("**/groups/*")
        .status(404)
        .times(1);
    world.sandbox.add_fault(unseen).unwrap();
    assert_eq!(world.provenance(&group(), 1).await, Provenance::Existing);
}

#[tokio::test]
async fn a_repository_is_private_again() {
    let world = World::with_repository(1).await;
    world
        .call(
            Method::PUT,
            "projects/payments%2Fcheckout_api",
            json!({"visibility": "public"}),
        )
        .await;
    world.ensure(&repository(), 2).await;
    let there = world.get("projects/payments%2Fcheckout_api").await;
    assert_eq!(there["visibility"], "private");
}

/// GitLab that keeps deleted repositories for some days, and whose answer to the first call was lost.
#[tokio::test]
async fn a_repository_that_is_marked_for_deletion_is_deleted_at_once() {
    let world = World::with_repository(1).await;
    let mut marked = world.get("projects/payments%2Fcheckout_api").await;
    marked["marked_for_deletion_on"] = json!("2026-11-25");
    let by_path = Fault::on("gitlab")
        .method("GET")
        .path("**/projects/payments%2Fcheckout_api");
    world
        .sandbox
        .add_fault(by_path.status(200).body(marked.clone()))
        .unwrap();
    let text = permanent(&world.refusal(&repository(), 1).await);
    assert!(text.contains("scheduled for deletion"), "{text}");
    let by_id = format!("**/projects/{}", marked["id"]);
    let by_id = Fault::on("gitlab").method("GET").path(by_id).status(200).times(1);
    world.sandbox.add_fault(by_id.body(marked)).unwrap();
    assert_eq!(
        world.remove(&repository(), 1, Removal::ThisRun).await,
        Removed::Deleted
    );
    let exchanges = world.sandbox.exchanges();
    let deletes: Vec<_> = exchanges.iter().filter(|e| e.method == Method::DELETE).collect();
    let deletes = deletes.iter().filter(|e| e.path.contains("/projects/"));
    assert_eq!(deletes.count(), 1, "one that is marked is not marked again");
}
