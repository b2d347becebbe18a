//! A template's files: only what is missing, and undone without harm.

use opstella_adapters::{Removal, Removed};
use opstella_domain::resource::Provenance;
use opstella_sandbox::Fault;
use serde_json::{Value, json};

use crate::operations::{files, overlay, repository};
use crate::support::{Driven, lost, permanent, transient};
use crate::world::World;

const DEV: &str = "deploy/dev/values.yaml";
const UAT: [&str; 2] = ["deploy/uat/app.yaml", "deploy/uat/values.yaml"];

fn create(path: &str) -> Value {
    json!({"action": "create", "file_path": path, "content": "theirs"})
}

#[tokio::test]
async fn come_in_one_commit_that_names_the_run() {
    let world = World::with_repository(1).await;
    world.ensure(&files(None), 1).await;
    let all = [
        ".gitlab-ci.yml",
        "README.md",
        "deploy/dev/app.yaml",
        DEV,
        "deploy/sit/app.yaml",
        "deploy/sit/values.yaml",
    ];
    assert_eq!(world.files().await, all);
    assert_eq!(world.content("README.md").await, "# api\n");
    assert_eq!(
        world.content(DEV).await,
        "image: harbor.example/payments_checkout/api\n"
    );
    let trailer = "Opstella-Run: 00000000-0000-0000-0000-000000000001";
    assert_eq!(
        world.messages().await,
        [format!("Start from rust-service@1.0.0\n\n{trailer}")]
    );
    world.ensure(&overlay(), 1).await;
    assert_eq!(world.files().await.len(), 8);
    assert_eq!(world.content(UAT[0]).await, "in: payments--checkout--uat\n");
    let newest = &world.messages().await[0];
    assert_eq!(*newest, format!("Add the overlay of UAT [skip ci]\n\n{trailer}"));
}

#[tokio::test]
async fn only_what_is_missing_is_committed() {
    let world = World::with_repository(1).await;
    world
        .commit(json!([create("README.md"), create("src/main.rs")]))
        .await;
    assert_eq!(world.provenance(&files(None), 1).await, Provenance::Created);
    assert_eq!(world.content("README.md").await, "theirs");
    assert_eq!(world.files().await.len(), 7);
    // The team deletes one and changes another.
    let update = json!({"action": "update", "file_path": ".gitlab-ci.yml", "content": "theirs"});
    let delete = json!({"action": "delete", "file_path": DEV});
    world.commit(json!([update, delete])).await;
    assert_eq!(world.provenance(&files(None), 2).await, Provenance::Created);
    assert_eq!(world.content(".gitlab-ci.yml").await, "theirs");
    assert_eq!(world.files().await.len(), 7);
    // What run 2 added is not the first of the files; it is run 2's all the same.
    assert_eq!(world.provenance(&files(None), 2).await, Provenance::Created);
    assert_eq!(world.provenance(&files(None), 1).await, Provenance::Created);
    assert_eq!(world.provenance(&files(None), 3).await, Provenance::Existing);
    assert_eq!(world.messages().await.len(), 4);
}

#[tokio::test]
async fn a_repository_with_many_files_is_read_to_the_end() {
    let world = World::with_repository(1).await;
    // They come before those of the template in the list.
    let many: Vec<Value> = (0..250).map(|n| create(&format!(".a/{n:03}"))).collect();
    world.commit(many.into()).await;
    world.commit(json!([create("README.md")])).await;
    world.ensure(&files(None), 1).await;
    assert_eq!(world.content("README.md").await, "theirs");
    let before = world.messages().await;
    world.ensure(&files(None), 2).await;
    assert_eq!(world.messages().await, before);
}

#[tokio::test]
async fn go_with_the_repository_or_stay() {
    let rows = [
        // Repository by run, files by run, removing run, how far, what is reported.
        (1, 1, 1, Removal::ThisRun, Removed::Deleted),
        (1, 1, 2, Removal::ThisRun, Removed::Kept),
        (9, 1, 2, Removal::Service, Removed::Deleted),
    ];
    for (made, filled, number, removal, expected) in rows {
        let world = World::with_repository(made).await;
        assert_eq!(world.remove(&files(None), number, removal).await, Removed::Absent);
        world.ensure(&files(None), filled).await;
        let before = world.whole().await;
        assert_eq!(world.remove(&files(None), number, removal).await, expected);
        assert_eq!(world.whole().await, before, "its own step deletes the repository");
        if expected == Removed::Deleted {
            assert_eq!(
                world.remove(&repository(), number, removal).await,
                Removed::Deleted
            );
            assert_eq!(world.remove(&files(None), number, removal).await, Removed::Absent);
        }
    }
    let world = World::with_adopted_repository().await;
    world.ensure(&files(None), 1).await;
    let before = world.whole().await;
    assert_eq!(
        world.remove(&files(None), 2, Removal::Service).await,
        Removed::Kept
    );
    assert_eq!(world.whole().await, before);
}

#[tokio::test]
async fn an_overlay_is_undone_in_a_repository_of_an_earlier_run() {
    let world = World::with_repository(9).await;
    world.ensure(&files(None), 9).await;
    world.ensure(&overlay(), 1).await;
    // The team is quick: it changes one of the two, and adds another.
    let update = json!({"action": "update", "file_path": UAT[0], "content": "theirs"});
    world
        .commit(json!([update, create("deploy/uat/extra.yaml")]))
        .await;
    let (files_before, commits) = (world.files().await, world.messages().await.len());
    assert_eq!(world.remove(&overlay(), 2, Removal::ThisRun).await, Removed::Kept);
    assert_eq!(world.files().await, files_before);
    assert_eq!(
        world.remove(&overlay(), 1, Removal::ThisRun).await,
        Removed::Deleted
    );
    let mut left = files_before;
    left.retain(|path| path != UAT[1]);
    assert_eq!(world.files().await, left);
    assert_eq!(world.content(UAT[0]).await, "theirs");
    let messages = world.messages().await;
    assert_eq!(messages.len(), commits + 1, "one commit");
    assert!(messages[0].contains("[skip ci]"), "{}", messages[0]);
    // What is left is the team's.
    assert_eq!(world.remove(&overlay(), 1, Removal::ThisRun).await, Removed::Kept);
    assert_eq!(world.messages().await.len(), commits + 1);
}

#[tokio::test]
async fn an_overlay_whose_undoing_was_not_heard_of_is_gone() {
    let world = World::with_repository(9).await;
    world.ensure(&files(None), 9).await;
    let before = world.files().await;
    world.ensure(&overlay(), 1).await;
    let fault = lost("gitlab", "POST", "**/repository/commits");
    world.sandbox.add_fault(fault).unwrap();
    transient(&world.remove_failing(&overlay(), 1).await);
    assert_eq!(
        world.remove(&overlay(), 1, Removal::ThisRun).await,
        Removed::Absent
    );
    assert_eq!(world.files().await, before);
}

/// Somebody's commit between our look and ours: the next try finds it.
#[tokio::test]
async fn a_race_is_tried_again() {
    for message in [
        "A file with this name already exists",
        "You are attempting to update a file that has changed since you started editing it.",
        "Could not update refs/heads/main. Please refresh and try again.",
    ] {
        let world = World::with_repository(1).await;
        let raced = Fault::on("gitlab").method("POST").path("**/repository/commits");
        let raced = raced.status(400).body(json!({"message": message})).times(1);
        world.sandbox.add_fault(raced).unwrap();
        let text = transient(&world.refusal(&files(None), 1).await);
        assert!(text.contains("payments/checkout_api"), "{text}");
        assert_eq!(world.provenance(&files(None), 1).await, Provenance::Created);
    }
}

/// No try helps where a folder has the name of a file.
#[tokio::test]
async fn a_folder_in_the_way_is_permanent() {
    let world = World::with_repository(1).await;
    world.commit(json!([create("README.md/theirs")])).await;
    permanent(&world.refusal(&files(None), 1).await);
}
