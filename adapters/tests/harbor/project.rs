//! What is particular to projects.

use chrono::{TimeDelta, Utc};
use opstella_adapters::{Removal, Removed, StepContext, StepError, ToolAdapter};
use opstella_domain::resource::Provenance;
use opstella_sandbox::Fault;
use serde_json::{Value, json};

use crate::world::{PROJECT, World, project};

const DIGEST: &str = "sha256:0001";

#[tokio::test]
async fn settings_are_put_right_where_the_project_is_ours() {
    let world = World::new().await;
    world.ensure(&project(), 1).await;
    let drifted = json!({ "metadata": { "public": "true", "auto_scan": "false", "severity": "high" } });
    world.raw("PUT", &format!("/projects/{PROJECT}"), drifted);
    world.ensure(&project(), 2).await;
    let there = world.get(&format!("/projects/{PROJECT}"));
    let right = json!({ "public": "false", "auto_scan": "true", "severity": "high" });
    assert_eq!(there["metadata"], right);
}

#[tokio::test]
async fn settings_of_an_adopted_project_stay() {
    let world = World::new().await;
    let body = json!({ "project_name": PROJECT, "metadata": { "public": "true" } });
    world.raw("POST", "/projects", body);
    world.adopt(&project(), 1).await;
    let there = world.get(&format!("/projects/{PROJECT}"));
    assert_eq!(there["metadata"], json!({ "public": "true" }));
    assert_eq!(
        world.labels()[0]["description"],
        "Managed by Opstella 00000000-0000-0000-0000-00000000000a: payments/checkout (adopted by run 00000000-0000-0000-0000-000000000001)"
    );
}

#[tokio::test]
async fn what_was_pushed_goes_with_the_project() {
    for removal in [Removal::ThisRun, Removal::Service] {
        let world = World::new().await;
        world.ensure(&project(), 1).await;
        // More than a page of a list holds.
        for n in 0..101 {
            let name = format!("api/part-{n}");
            world.tool.push(PROJECT, &name, "1.0", DIGEST).unwrap();
        }
        world.tool.push("library", "base", "1.0", DIGEST).unwrap();
        assert_eq!(world.remove(&project(), 1, removal).await, Removed::Deleted);
        let state = &world.sandbox.state()["harbor"];
        assert_eq!(state["repositories"], json!(["library/base"]));
        assert_eq!(state["projects"], Value::Null);
    }
}

#[tokio::test]
async fn what_another_run_made_keeps_its_images() {
    let world = World::new().await;
    world.ensure(&project(), 1).await;
    world.tool.push(PROJECT, "api", "1.0", DIGEST).unwrap();
    let removed = world.remove(&project(), 2, Removal::ThisRun).await;
    assert_eq!(removed, Removed::Kept);
    let state = &world.sandbox.state()["harbor"];
    assert_eq!(state["repositories"], json!(["payments_checkout/api"]));
}

/// A project without a label: an earlier attempt's, only if everything speaks for it.
#[tokio::test]
async fn an_unmarked_project_is_an_earlier_attempts_or_foreign() {
    // Retried, run began before the project was made, images in it; ours?
    let rows = [
        (true, true, false, true),
        (false, true, false, false),
        (true, false, false, false),
        (true, true, true, false),
    ];
    for (retried, before, images, ours) in rows {
        let world = World::new().await;
        world.occupy(&project()).await;
        if images {
            world.tool.push(PROJECT, "api", "1.0", DIGEST).unwrap();
        }
        let minute = TimeDelta::minutes(if before { -1 } else { 1 });
        let context = StepContext {
            retried,
            run_started: Utc::now() + minute,
            ..world.context(1)
        };
        let outcome = world.adapter.ensure(&project(), &context).await;
        if ours {
            assert_eq!(outcome.unwrap().provenance, Provenance::Created);
            assert_eq!(world.labels()[0]["name"], "opstella");
        } else {
            let refused = matches!(outcome, Err(StepError::Permanent { .. }));
            assert!(refused, "{retried} {before} {images}");
            assert_eq!(world.labels(), json!([]));
            // The run unwinds: what it was refused is not its own then either.
            let before = world.whole();
            let removed = world.adapter.remove(&project(), &context).await.unwrap();
            assert_eq!(removed, Removed::Kept, "{retried} {before} {images}");
            assert_eq!(world.whole(), before, "{retried} {before} {images}");
        }
    }
}

/// An attempt that was given up made it, and nothing came of the next one.
#[tokio::test]
async fn what_an_attempt_without_an_answer_made_is_undone() {
    let world = World::new().await;
    let fault = Fault::on("harbor").method("POST").path("**/labels").status(503);
    world.sandbox.add_fault(fault).unwrap();
    let context = world.context(1);
    let error = world.adapter.ensure(&project(), &context).await.unwrap_err();
    assert!(matches!(error, StepError::Transient { .. }), "{error:?}");
    let undo = StepContext {
        retried: true,
        ..context
    };
    let removed = world.adapter.remove(&project(), &undo).await.unwrap();
    assert_eq!(removed, Removed::Deleted);
    assert_eq!(world.sandbox.state()["harbor"]["projects"], Value::Null);
}

/// The same of a project of somebody else's account.
#[tokio::test]
async fn an_unmarked_project_of_another_account_is_foreign() {
    let world = World::new().await;
    let context = StepContext {
        retried: true,
        ..world.context(1)
    };
    world.occupy(&project()).await;
    let me = json!({ "user_id": 2, "username": "other" });
    let other = Fault::on("harbor").path("**/users/current").status(200).body(me);
    world.sandbox.add_fault(other).unwrap();
    let error = world.adapter.ensure(&project(), &context).await.unwrap_err();
    assert!(matches!(error, StepError::Permanent { .. }), "{error:?}");
    let removed = world.adapter.remove(&project(), &context).await.unwrap();
    assert_eq!(removed, Removed::Kept);
}

#[tokio::test]
async fn a_project_that_could_not_be_marked_is_undone_at_once() {
    let world = World::new().await;
    let context = world.context(1);
    let refused = Fault::on("harbor").method("POST").path("**/labels").status(403);
    world.sandbox.add_fault(refused).unwrap();
    let error = world.adapter.ensure(&project(), &context).await.unwrap_err();
    assert!(matches!(error, StepError::Permanent { .. }), "{error:?}");
    assert_eq!(world.sandbox.state()["harbor"]["projects"], Value::Null);
    let removed = world.adapter.remove(&project(), &context).await.unwrap();
    assert_eq!(removed, Removed::Absent);
    // Neither marked nor deleted: the next attempt finds it.
    let deletion = Fault::on("harbor").method("DELETE").path("**/projects/*");
    world.sandbox.add_fault(deletion.status(403)).unwrap();
    let error = world.adapter.ensure(&project(), &context).await.unwrap_err();
    assert!(matches!(error, StepError::Transient { .. }), "{error:?}");
    assert!(error.to_string().contains("could not be deleted"), "{error}");
}

/// Harbor says 403 of a project that is not there to who is no administrator.
#[tokio::test]
async fn an_account_with_few_rights_finds_out_what_is_there() {
    let world = World::new().await;
    let hidden = || {
        let get = Fault::on("harbor").method("GET").path("**/projects/*");
        get.status(403).times(1)
    };
    world.sandbox.add_fault(hidden()).unwrap();
    let provenance = world.ensure(&project(), 1).await.provenance;
    assert_eq!(provenance, Provenance::Created);
    world.sandbox.add_fault(hidden()).unwrap();
    let context = world.context(2);
    let error = world.adapter.ensure(&project(), &context).await.unwrap_err();
    assert!(error.to_string().contains("right"), "{error}");
}

#[tokio::test]
async fn a_push_during_the_removal_is_tried_again() {
    let world = World::new().await;
    world.ensure(&project(), 1).await;
    let pushed = Fault::on("harbor").method("DELETE").path("**/projects/*");
    world.sandbox.add_fault(pushed.status(412).times(1)).unwrap();
    let context = world.context(1);
    let error = world.adapter.remove(&project(), &context).await.unwrap_err();
    assert!(matches!(error, StepError::Transient { .. }), "{error:?}");
    let removed = world.remove(&project(), 1, Removal::ThisRun).await;
    assert_eq!(removed, Removed::Deleted);
}
