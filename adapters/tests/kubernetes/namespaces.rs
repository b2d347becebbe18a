//! The deletion of a namespace takes its time.

use std::time::Duration;

use opstella_adapters::{Removal, Removed, StepError, ToolAdapter};
use opstella_sandbox::Fault;
use serde_json::{Value, json};

use crate::world::{NAMESPACE, World, a_run, cases};

/// The namespace as it shows until its finalizers are done.
async fn terminating(world: &World) -> Value {
    let mut object = world.get(&cases()[0].path()).await;
    object["metadata"]["deletionTimestamp"] = json!("2026-11-24T10:00:00Z");
    object["status"]["phase"] = json!("Terminating");
    object
}

fn shows(object: &Value) -> Fault {
    Fault::on("kubernetes")
        .method("GET")
        .path(format!("/api/v1/namespaces/{NAMESPACE}"))
        .status(200)
        .body(object.clone())
}

#[tokio::test]
async fn a_removal_waits_for_it() {
    let (world, run) = (World::new().await, a_run());
    let namespace = &cases()[0].operation;
    world.ensure(namespace, run).await.unwrap();
    let going = terminating(&world).await;
    world.sandbox.add_fault(shows(&going).skip(1).times(2)).unwrap();
    let removed = world.remove(namespace, run, Removal::ThisRun).await;
    assert_eq!(removed, Removed::Deleted);
    assert_eq!(world.sandbox.faults_hit(), 2);
}

#[tokio::test]
async fn a_removal_waits_only_so_long_and_goes_on_later() {
    let (mut world, run) = (World::new().await, a_run());
    world.adapter = world.adapter.with_patience(Duration::from_millis(250));
    let namespace = &cases()[0].operation;
    world.ensure(namespace, run).await.unwrap();
    let going = terminating(&world).await;
    world.sandbox.add_fault(shows(&going).skip(1)).unwrap();
    for _ in 0..2 {
        let error = world
            .adapter
            .remove(namespace, &world.context(run))
            .await
            .unwrap_err();
        assert!(matches!(error, StepError::Transient { .. }), "{error:?}");
        assert!(error.to_string().contains("still being deleted"), "{error}");
    }
    let deletions = world.sandbox.state()["kubernetes"]["namespaces"].clone();
    assert_eq!(deletions, Value::Null, "asked for once");
    world.sandbox.clear_faults();
    let removed = world.remove(namespace, run, Removal::ThisRun).await;
    assert_eq!(removed, Removed::Absent);
}

#[tokio::test]
async fn nothing_is_made_while_it_is_going() {
    let (world, run) = (World::new().await, a_run());
    world.ensure(&cases()[0].operation, run).await.unwrap();
    world
        .sandbox
        .add_fault(shows(&terminating(&world).await))
        .unwrap();
    let message =
        format!("unable to create new content in namespace {NAMESPACE} because it is being terminated");
    let cause = json!({ "reason": "NamespaceTerminating", "message": "namespace is being terminated",
                        "field": "metadata.namespace" });
    let refusal = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden",
                          "code": 403, "message": message, "details": { "causes": [cause] } });
    let fault = Fault::on("kubernetes").method("POST").status(403).body(refusal);
    world.sandbox.add_fault(fault).unwrap();
    for case in cases() {
        let error = world.ensure(&case.operation, run).await.unwrap_err();
        assert!(matches!(error, StepError::Transient { .. }), "{error:?}");
        assert!(error.to_string().contains("being deleted"), "{error}");
    }
}

#[tokio::test]
async fn what_is_in_it_counts_as_gone() {
    let (world, run) = (World::new().await, a_run());
    for case in cases() {
        world.ensure(&case.operation, run).await.unwrap();
    }
    world
        .sandbox
        .add_fault(shows(&terminating(&world).await))
        .unwrap();
    for case in cases().iter().skip(1) {
        let removed = world.remove(&case.operation, run, Removal::ThisRun).await;
        assert_eq!(removed, Removed::Absent, "{:?}", case.operation);
    }
}

#[tokio::test]
async fn without_it_nothing_is_made() {
    let world = World::new().await;
    for case in cases().iter().skip(1) {
        let error = world.ensure(&case.operation, a_run()).await.unwrap_err();
        assert!(matches!(error, StepError::Permanent { .. }), "{error:?}");
        assert!(error.to_string().contains("kubernetes.namespace"), "{error}");
    }
}
