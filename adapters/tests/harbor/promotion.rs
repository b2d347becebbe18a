//! The image of a release is there, and the environment's tag says that it runs.

use http::Method;
use opstella_adapters::{Removal, Removed, StepContext, StepError, ToolAdapter};
use opstella_domain::Environment;
use opstella_domain::naming::RegistryProject;
use opstella_domain::operation::Operation;
use opstella_domain::resource::Provenance;
use opstella_sandbox::{Fault, Sandbox};
use serde_json::{Value, json};

use crate::support::sweep::{self, Sandboxed};
use crate::support::{Driven, lost, permanent, transient};
use crate::world::{PROJECT, World, project, service};

impl Driven for World {
    fn adapter(&self) -> &dyn ToolAdapter {
        &self.adapter
    }

    /// Of a second attempt: a tag can hold no mark.
    fn context(&self, number: u128) -> StepContext {
        StepContext {
            retried: true,
            ..World::context(self, number)
        }
    }
}

impl Sandboxed for World {
    fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }
}

pub fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

pub fn artifact(digit: char) -> Operation {
    Operation::HarborArtifact {
        project: RegistryProject::of(&service()),
        repository: "api".parse().unwrap(),
        digest: digest(digit).parse().unwrap(),
    }
}

pub fn tag(digit: char, previous: Option<char>) -> Operation {
    Operation::HarborEnvironmentTag {
        project: RegistryProject::of(&service()),
        repository: "api".parse().unwrap(),
        digest: digest(digit).parse().unwrap(),
        environment: Environment::Uat,
        previous: previous.map(|p| digest(p).parse().unwrap()),
    }
}

impl World {
    /// Images 1, 2 and 3, and which of them UAT runs.
    async fn with_images(tagged: Option<char>) -> Self {
        let world = Self::new().await;
        world.ensure(&project(), 1).await;
        for digit in ['1', '2', '3'] {
            world.push(&format!("1.0.{digit}"), digit);
        }
        if let Some(digit) = tagged {
            world.push("uat", digit);
        }
        world
    }

    pub fn push(&self, tag: &str, digit: char) {
        self.tool.push(PROJECT, "api", tag, &digest(digit)).unwrap();
    }

    /// Which image has the tag.
    fn tagged(&self) -> Option<char> {
        let digest = self.tool.tagged(PROJECT, "api", "uat")?;
        digest.chars().last()
    }

    fn writes(&self) -> usize {
        let exchanges = self.sandbox.exchanges();
        exchanges.iter().filter(|e| e.method != Method::GET).count()
    }

    async fn refused(&self, operation: &Operation) -> StepError {
        let context = World::context(self, 2);
        self.adapter.ensure(operation, &context).await.unwrap_err()
    }
}

#[tokio::test]
async fn an_image_is_only_looked_at() {
    let world = World::with_images(None).await;
    let writes = world.writes();
    let found = world.ensure(&artifact('1'), 2).await;
    assert_eq!(found.provenance, Provenance::Existing);
    assert!(
        found
            .resource
            .name
            .ends_with(&format!("{PROJECT}/api@{}", digest('1')))
    );
    assert_eq!(
        world.remove(&artifact('1'), 2, Removal::ThisRun).await,
        Removed::Kept
    );
    assert_eq!(world.writes(), writes);
}

#[tokio::test]
async fn an_image_that_is_not_there_is_named_with_what_to_do() {
    let world = World::with_images(Some('1')).await;
    for operation in [artifact('9'), tag('9', Some('1'))] {
        let message = permanent(&world.refused(&operation).await);
        assert!(
            message.contains(&digest('9')) && message.contains("push it again"),
            "{message}"
        );
    }
    assert_eq!(world.tagged(), Some('1'));
}

#[tokio::test]
async fn in_somebody_elses_project_nothing_is_touched() {
    let world = World::new().await;
    world.occupy_in(&project());
    for digit in ['1', '2'] {
        world.push("uat", digit);
    }
    let writes = world.writes();
    for operation in [artifact('1'), tag('1', Some('2'))] {
        let message = permanent(&world.refused(&operation).await);
        assert!(
            message.contains(PROJECT) && message.contains("not this service's"),
            "{message}"
        );
    }
    assert_eq!(
        world.remove(&tag('2', None), 1, Removal::ThisRun).await,
        Removed::Kept
    );
    assert_eq!((world.tagged(), world.writes()), (Some('2'), writes));
    // Nor is there anything in none.
    let world = World::new().await;
    permanent(&world.refused(&tag('1', None)).await);
    assert_eq!(
        world.remove(&tag('1', None), 1, Removal::ThisRun).await,
        Removed::Absent
    );
}

#[tokio::test]
async fn the_tag_moves_and_moves_back() {
    for previous in [None, Some('1')] {
        let world = World::with_images(previous).await;
        let operation = tag('2', previous);
        assert_eq!(
            world.remove(&operation, 2, Removal::ThisRun).await,
            Removed::Absent
        );
        assert_eq!(world.tagged(), previous);
        assert_eq!(world.ensure(&operation, 2).await.provenance, Provenance::Created);
        assert_eq!(world.tagged(), Some('2'));
        // Twice changes nothing.
        let writes = world.writes();
        assert_eq!(world.ensure(&operation, 2).await.provenance, Provenance::Existing);
        let again = Driven::context(&world, 2);
        let again = world.adapter.ensure(&operation, &again).await.unwrap();
        assert_eq!(again.provenance, Provenance::Created, "its answer was lost");
        assert_eq!(world.writes(), writes);

        assert_eq!(
            world.remove(&operation, 2, Removal::ThisRun).await,
            Removed::Deleted
        );
        assert_eq!(world.tagged(), previous);
        assert_eq!(
            world.remove(&operation, 2, Removal::ThisRun).await,
            Removed::Absent
        );
        assert_eq!(world.tagged(), previous);
        // Other tags stay where they are.
        for digit in ['1', '2', '3'] {
            let at = world.tool.tagged(PROJECT, "api", &format!("1.0.{digit}"));
            assert_eq!(at, Some(digest(digit)));
        }
    }
}

#[tokio::test]
async fn a_tag_that_is_right_from_the_start_stays() {
    let world = World::with_images(Some('2')).await;
    let operation = tag('2', Some('2'));
    let again = Driven::context(&world, 2);
    let there = world.adapter.ensure(&operation, &again).await.unwrap();
    assert_eq!(there.provenance, Provenance::Existing);
    assert_eq!(world.remove(&operation, 2, Removal::ThisRun).await, Removed::Kept);
    assert_eq!(world.tagged(), Some('2'));
}

#[tokio::test]
async fn what_somebody_else_tagged_since_stays() {
    let world = World::with_images(Some('1')).await;
    world.ensure(&tag('2', Some('1')), 2).await;
    world.push("uat", '3');
    assert_eq!(
        world.remove(&tag('2', Some('1')), 2, Removal::ThisRun).await,
        Removed::Kept
    );
    assert_eq!(world.tagged(), Some('3'));
}

#[tokio::test]
async fn a_tag_that_is_nowhere_comes_back() {
    // Taken off the one, never put on the other.
    let world = World::with_images(Some('1')).await;
    let fault = Fault::on("harbor")
        .method("POST")
        .path("**/tags")
        .status(503)
        .times(1);
    world.sandbox.add_fault(fault).unwrap();
    transient(&world.refused(&tag('2', Some('1'))).await);
    assert_eq!(world.tagged(), None);
    assert_eq!(
        world.remove(&tag('2', Some('1')), 2, Removal::ThisRun).await,
        Removed::Deleted
    );
    assert_eq!(world.tagged(), Some('1'));
}

#[tokio::test]
async fn a_previous_image_that_retention_deleted_gets_no_tag() {
    let world = World::with_images(Some('1')).await;
    world.ensure(&tag('2', Some('1')), 2).await;
    let path = format!("/projects/{PROJECT}/repositories/api/artifacts/{}", digest('1'));
    world.raw("DELETE", &path, Value::Null);
    assert_eq!(
        world.remove(&tag('2', Some('1')), 2, Removal::ThisRun).await,
        Removed::Deleted
    );
    assert_eq!(world.tagged(), None);
}

#[tokio::test]
async fn a_tag_that_a_rule_holds_is_left_and_the_rule_is_named() {
    let words = json!({ "errors": [{ "code": "PRECONDITION", "message": "tag uat is immutable" }] });
    for (method, path, tagged) in [("DELETE", "**/tags/*", Some('1')), ("POST", "**/tags", None)] {
        let world = World::with_images(tagged).await;
        let fault = Fault::on("harbor").method(method).path(path).status(412);
        world.sandbox.add_fault(fault.body(words.clone())).unwrap();
        let message = permanent(&world.refused(&tag('2', None)).await);
        assert!(
            message.contains("immutable") && message.contains("`uat`"),
            "{message}"
        );
        assert_eq!(world.tagged(), tagged);
    }
}

#[tokio::test]
async fn a_race_is_looked_at_again_and_not_for_ever() {
    let raced = || Fault::on("harbor").method("POST").path("**/tags").status(409);
    let world = World::with_images(Some('1')).await;
    world.sandbox.add_fault(raced().times(1)).unwrap();
    assert_eq!(
        world.ensure(&tag('2', Some('1')), 2).await.provenance,
        Provenance::Created
    );
    assert_eq!(world.tagged(), Some('2'));
    world.sandbox.add_fault(raced()).unwrap();
    let message = transient(&world.refused(&tag('3', Some('2'))).await);
    assert!(message.contains("somebody else"), "{message}");
}

#[tokio::test]
async fn lost_answers_make_no_harm() {
    for (method, path) in [("POST", "**/tags"), ("DELETE", "**/tags/*")] {
        let world = World::with_images(Some('1')).await;
        let operation = tag('2', Some('1'));
        world.sandbox.add_fault(lost("harbor", method, path)).unwrap();
        transient(&world.refused(&operation).await);
        let again = Driven::context(&world, 2);
        let outcome = world.adapter.ensure(&operation, &again).await.unwrap();
        assert_eq!(outcome.provenance, Provenance::Created, "{method}");
        world.sandbox.add_fault(lost("harbor", method, path)).unwrap();
        transient(&world.adapter.remove(&operation, &again).await.unwrap_err());
        let removed = world.remove(&operation, 2, Removal::ThisRun).await;
        assert_ne!(removed, Removed::Kept);
        assert_eq!(world.tagged(), Some('1'), "{method}");
    }
}

#[tokio::test]
async fn failures_are_got_over_at_every_call() {
    let operation = tag('2', Some('1'));
    sweep::making("harbor", &operation, async || World::with_images(Some('1')).await).await;
    sweep::removing("harbor", &operation, async || World::with_images(Some('1')).await).await;
}
