//! The image that an overlay names: one commit, nobody clobbered, undone exactly.

use opstella_adapters::{Removal, Removed, StepContext, ToolAdapter};
use opstella_domain::Environment;
use opstella_domain::operation::Operation;
use opstella_domain::resource::{Commit, Provenance};
use opstella_sandbox::Fault;
use serde_json::{Value, json};

use crate::operations::path;
use crate::support::{Driven, lost, permanent, sweep, transient};
use crate::world::World;

const FILE: &str = "deploy/sit/kustomization.yaml";
const OVERLAY: &str = "# SIT.\nresources:\n  - ../base\nimages:\n  # The tag of the first pipeline.\n  - name: service\n    \
                       newName: \"harbor.example/payments_checkout/api\"\n    newTag: \"1.0.1\" # for now\nreplicas: []\n";

fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

fn image(digit: char, previous: Option<char>) -> Operation {
    Operation::GitlabImage {
        repository: path(),
        environment: Environment::Sit,
        image: "harbor.example/payments_checkout/api".into(),
        digest: digest(digit).parse().unwrap(),
        previous: previous.map(|p| digest(p).parse().unwrap()),
        release: "1.4.0".parse().unwrap(),
    }
}

/// The overlay as it names an image.
fn naming(digit: char) -> String {
    OVERLAY.replace("newTag: \"1.0.1\"", &format!("digest: \"{}\"", digest(digit)))
}

/// A repository of run 9, with the overlay as the template wrote it or naming an image.
async fn with_overlay(named: Option<char>) -> World {
    let world = World::with_repository(9).await;
    let text = named.map_or_else(|| OVERLAY.to_owned(), naming);
    world
        .commit(json!([{ "action": "create", "file_path": FILE, "content": text }]))
        .await;
    world
}

impl World {
    async fn overlay(&self) -> String {
        self.content(FILE).await
    }

    /// Somebody changes the overlay.
    async fn rewrite(&self, text: &str) {
        let update = json!([{ "action": "update", "file_path": FILE, "content": text }]);
        self.commit(update).await;
    }

    /// The newest commit.
    async fn head(&self) -> String {
        let commits = self.inside("repository/commits").await;
        commits[0]["id"].as_str().unwrap().to_owned()
    }

    /// A run whose step has made or found this commit.
    fn after(&self, number: u128, commit: Option<Commit>) -> StepContext {
        StepContext {
            commit,
            ..self.context(number)
        }
    }
}

#[tokio::test]
async fn is_named_by_one_commit_that_says_what_it_is() {
    let world = with_overlay(None).await;
    let made = world.ensure(&image('2', None), 1).await;
    assert_eq!(made.provenance, Provenance::Created);
    assert!(
        made.resource
            .url
            .unwrap()
            .ends_with(&format!("payments/checkout_api/-/blob/main/{FILE}"))
    );
    assert_eq!(world.overlay().await, naming('2'));
    let trailer = "Opstella-Run: 00000000-0000-0000-0000-000000000001";
    let messages = world.messages().await;
    assert_eq!(messages[0], format!("Deploy 1.4.0 to SIT [skip ci]\n\n{trailer}"));
    assert_eq!(messages.len(), 2);
    // It says which commit that is, and which came before.
    let commits = world.inside("repository/commits").await;
    let commit = made.commit.unwrap();
    assert_eq!(
        (json!(commit.revision), json!(commit.before)),
        (commits[0]["id"].clone(), commits[1]["id"].clone())
    );
    // Twice changes nothing; another run finds it.
    let writes = world.writes();
    let again = world.ensure(&image('2', None), 1).await;
    assert_eq!(
        (again.provenance, again.commit),
        (Provenance::Created, Some(commit.clone()))
    );
    let found = world.ensure(&image('2', Some('2')), 3).await;
    let as_found = Commit {
        before: None,
        ..commit
    };
    assert_eq!(
        (found.provenance, found.commit),
        (Provenance::Existing, Some(as_found))
    );
    assert_eq!(world.writes(), writes);
}

#[tokio::test]
async fn without_a_place_to_name_it_the_file_and_what_to_add_are_named() {
    let world = with_overlay(None).await;
    for text in ["resources: []\n", "images:\n  - name: other\n"] {
        world.rewrite(text).await;
        let message = permanent(&world.refusal(&image('2', None), 1).await);
        for part in [
            FILE,
            "payments/checkout_api",
            "newName: harbor.example/payments_checkout/api",
        ] {
            assert!(message.contains(part), "{message}");
        }
        assert_eq!(world.overlay().await, text);
    }
    world
        .commit(json!([{ "action": "delete", "file_path": FILE }]))
        .await;
    let message = permanent(&world.refusal(&image('2', None), 1).await);
    assert!(
        message.contains(FILE) && message.contains("add the overlay of SIT"),
        "{message}"
    );
    assert_eq!(
        world.remove(&image('2', None), 1, Removal::ThisRun).await,
        Removed::Absent
    );
}

#[tokio::test]
async fn in_somebody_elses_repository_nothing_is_committed() {
    let world = World::before(&crate::operations::repository(), 9).await;
    world.foreign_repository().await;
    world
        .commit(json!([{ "action": "create", "file_path": FILE, "content": OVERLAY }]))
        .await;
    let message = permanent(&world.refusal(&image('2', None), 1).await);
    assert!(message.contains("not this service's"), "{message}");
    assert_eq!(world.overlay().await, OVERLAY);
    let world = World::new().await;
    assert_eq!(
        world.remove(&image('2', None), 1, Removal::ThisRun).await,
        Removed::Absent
    );
}

/// Somebody's commit between our look and ours: it is looked at again, and theirs stays.
#[tokio::test]
async fn a_race_is_won_without_clobbering() {
    let message = "The file has changed since you started editing it: x";
    let raced = || {
        let commits = Fault::on("gitlab").method("POST").path("**/repository/commits");
        commits.status(400).body(json!({ "message": message }))
    };
    let world = with_overlay(None).await;
    world.sandbox.add_fault(raced().times(1)).unwrap();
    assert_eq!(world.provenance(&image('2', None), 1).await, Provenance::Created);
    assert_eq!(world.overlay().await, naming('2'));
    world.sandbox.add_fault(raced()).unwrap();
    let error = transient(&world.refusal(&image('3', Some('2')), 2).await);
    assert!(error.contains("changed by somebody else"), "{error}");
    let error = transient(&world.remove_failing(&image('2', None), 1).await);
    assert!(error.contains("changed by somebody else"), "{error}");
    assert_eq!(world.overlay().await, naming('2'));
    // It is GitLab that keeps us from clobbering: every commit says what it was made on top of.
    let sent = world.sandbox.exchanges();
    let sent = sent
        .iter()
        .rfind(|e| e.path.ends_with("/repository/commits") && e.method == "POST");
    let sent: Value = serde_json::from_slice(&sent.unwrap().request_body).unwrap();
    assert!(sent["actions"][0]["last_commit_id"].is_string(), "{sent}");
}

#[tokio::test]
async fn undoing_brings_back_the_text_that_was_there() {
    for previous in [None, Some('1')] {
        let world = with_overlay(previous).await;
        let operation = image('2', previous);
        let before = world.overlay().await;
        assert_eq!(
            world.remove(&operation, 1, Removal::ThisRun).await,
            Removed::Absent
        );
        world.ensure(&operation, 1).await;
        // What another run did is not this one's to undo.
        assert_eq!(world.remove(&operation, 3, Removal::ThisRun).await, Removed::Kept);
        assert_eq!(world.overlay().await, naming('2'));
        assert_eq!(
            world.remove(&operation, 1, Removal::ThisRun).await,
            Removed::Deleted
        );
        assert_eq!(world.overlay().await, before);
        let messages = world.messages().await;
        assert!(
            messages[0].starts_with("Undo the deployment of 1.4.0 to SIT [skip ci]\n"),
            "{}",
            messages[0]
        );
        assert_eq!(
            world.remove(&operation, 1, Removal::ThisRun).await,
            Removed::Absent
        );
        assert_eq!(world.messages().await.len(), messages.len());
    }
}

#[tokio::test]
async fn an_image_that_somebody_else_named_since_stays() {
    for theirs in [naming('3'), OVERLAY.replace("1.0.1", "2")] {
        let world = with_overlay(Some('1')).await;
        let made = world.ensure(&image('2', Some('1')), 1).await;
        world.rewrite(&theirs).await;
        let context = world.after(1, made.commit);
        let removed = world.adapter.remove(&image('2', Some('1')), &context).await;
        assert_eq!(removed.unwrap(), Removed::Kept);
        assert_eq!(world.overlay().await, theirs);
    }
}

/// Somebody has changed another line of the file: that stays, and the image goes back.
#[tokio::test]
async fn what_somebody_else_wrote_beside_the_image_stays() {
    let theirs = |text: String| text.replace("replicas: []", "replicas: [x]");
    let world = with_overlay(Some('1')).await;
    let made = world.ensure(&image('2', Some('1')), 1).await;
    world.rewrite(&theirs(naming('2'))).await;
    let context = world.after(1, made.commit);
    let removed = world.adapter.remove(&image('2', Some('1')), &context).await;
    assert_eq!(removed.unwrap(), Removed::Deleted);
    assert_eq!(world.overlay().await, theirs(naming('1')));
    // Where no digest was named before, nobody knows what to put back: the run does not say that it did.
    let world = with_overlay(None).await;
    let made = world.ensure(&image('2', None), 1).await;
    world.rewrite(&theirs(naming('2'))).await;
    let context = world.after(1, made.commit);
    let error = world.adapter.remove(&image('2', None), &context).await;
    let text = permanent(&error.unwrap_err());
    assert!(text.contains(FILE) && text.contains("skip it"), "{text}");
    world.rewrite(&theirs(OVERLAY.to_owned())).await;
    let removed = world.adapter.remove(&image('2', None), &context).await;
    assert_eq!(removed.unwrap(), Removed::Absent);
}

/// A run that was given up after its commit left the image named, and something else runs.
#[tokio::test]
async fn what_a_run_that_was_given_up_named_is_undone_by_the_next_one() {
    let world = with_overlay(Some('1')).await;
    world.ensure(&image('2', Some('1')), 1).await;
    let head = world.head().await;
    let found = world.ensure(&image('2', Some('1')), 3).await;
    let commit = Commit {
        revision: head,
        before: None,
    };
    assert_eq!(
        (found.provenance, found.commit.as_ref()),
        (Provenance::Created, Some(&commit))
    );
    assert_eq!(world.overlay().await, naming('2'));
    let context = world.after(3, found.commit);
    let removed = world.adapter.remove(&image('2', Some('1')), &context).await;
    assert_eq!(removed.unwrap(), Removed::Deleted);
    assert_eq!(world.overlay().await, naming('1'));
}

#[tokio::test]
async fn lost_answers_make_no_second_commit() {
    let world = with_overlay(Some('1')).await;
    let operation = image('2', Some('1'));
    let lose = || {
        world
            .sandbox
            .add_fault(lost("gitlab", "POST", "**/repository/commits"))
            .unwrap()
    };
    lose();
    transient(&world.refusal(&operation, 1).await);
    assert_eq!(world.provenance(&operation, 1).await, Provenance::Created);
    assert_eq!(world.messages().await.len(), 2);
    lose();
    transient(&world.remove_failing(&operation, 1).await);
    assert_eq!(
        world.remove(&operation, 1, Removal::ThisRun).await,
        Removed::Absent
    );
    assert_eq!(world.messages().await.len(), 3);
    assert_eq!(world.overlay().await, naming('1'));
}

#[tokio::test]
async fn failures_are_got_over_at_every_call() {
    for previous in [None, Some('1')] {
        let operation = image('2', previous);
        sweep::making("gitlab", &operation, async || with_overlay(previous).await).await;
        sweep::removing("gitlab", &operation, async || with_overlay(previous).await).await;
    }
}
