//! What goes wrong between us and the API server, and what it means.

use std::time::Duration;

use opstella_adapters::{StepError, ToolAdapter};
use opstella_domain::resource::Provenance;
use opstella_sandbox::Fault;
use serde_json::json;

use crate::world::{World, a_run, cases, connect};

fn fault() -> Fault {
    Fault::on("kubernetes")
}

fn html(status: u16) -> Fault {
    let mut fault = fault()
        .status(status)
        .body("<html><body>Back soon</body></html>")
        .times(1);
    fault.content_type = Some("text/html".into());
    fault
}

/// Every operation, both ways and each of its calls in turn, meets the fault once; a second attempt succeeds.
async fn each_call_meets(fault: impl Fn() -> Fault, is_right: impl Fn(&StepError) -> bool) {
    for case in cases() {
        let (world, run) = (World::new().await, a_run());
        world.prepare(&case, run).await;
        for skip in 0..2 {
            world.sandbox.add_fault(fault().skip(skip)).unwrap();
            let error = world.ensure(&case.operation, run).await.unwrap_err();
            assert!(is_right(&error), "ensure, call {skip}: {error:?}");
            world.sandbox.clear_faults();
            if skip == 0 {
                continue; // it was the look; nothing is there yet
            }
            let again = world.ensure(&case.operation, run).await.unwrap();
            assert_eq!(again, Provenance::Created);
        }
        let calls = if case.is_namespace() { 3 } else { 4 };
        for skip in 0..calls {
            world.sandbox.add_fault(fault().skip(skip)).unwrap();
            let removed = world.adapter.remove(&case.operation, &world.context(run)).await;
            let error = removed.expect_err("every call counts");
            assert!(is_right(&error), "remove, call {skip}: {error:?}");
            world.sandbox.clear_faults();
        }
    }
}

fn is_transient(error: &StepError) -> bool {
    matches!(
        error,
        StepError::Transient {
            retry_after: None,
            ..
        }
    )
}

#[tokio::test]
async fn an_outage_passes() {
    each_call_meets(|| fault().status(503).times(1), is_transient).await;
}

#[tokio::test]
async fn a_page_instead_of_json_passes() {
    for status in [200, 404] {
        each_call_meets(|| html(status), is_transient).await;
    }
}

#[tokio::test]
async fn other_json_instead_of_the_object_is_not_the_object() {
    let (world, run) = (World::new().await, a_run());
    for case in cases() {
        for skip in 0..2 {
            let something = fault().status(200).body(json!({ "status": "ok" })).times(1);
            world.sandbox.add_fault(something.skip(skip)).unwrap();
            let error = world.ensure(&case.operation, run).await.unwrap_err();
            assert!(is_transient(&error), "{error:?}");
            world.sandbox.clear_faults();
        }
        world.ensure(&case.operation, run).await.unwrap();
    }
}

#[tokio::test]
async fn a_dropped_connection_passes() {
    each_call_meets(|| fault().drop_before().times(1), is_transient).await;
}

#[tokio::test]
async fn too_many_requests_say_when_to_come_back() {
    let limit = || fault().status(429).retry_after(7).times(1);
    let is_right = |error: &StepError| matches!(error, StepError::Transient { retry_after: Some(after), .. } if *after == Duration::from_secs(7));
    each_call_meets(limit, is_right).await;
}

#[tokio::test]
async fn a_refused_token_is_an_operators_matter() {
    let unauthorised = |error: &StepError| matches!(error, StepError::Unauthorised { .. });
    each_call_meets(|| fault().status(401).times(1), unauthorised).await;

    let world = World::new().await;
    let adapter = connect(world.sandbox.tool_url("kubernetes"), "not-the-t0ken");
    let error = adapter.health().await.unwrap_err();
    assert!(unauthorised(&error), "{error:?}");
    let context = world.context(a_run());
    for case in cases() {
        let error = adapter.ensure(&case.operation, &context).await.unwrap_err();
        assert!(unauthorised(&error), "{error:?}");
        assert!(!error.to_string().contains("t0ken"), "{error}");
    }
}

#[tokio::test]
async fn a_missing_right_is_named() {
    let world = World::new().await;
    let case = &cases()[0];
    let message = "namespaces is forbidden: User \"opstella\" cannot create resource \"namespaces\"";
    let forbidden = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden",
                            "code": 403, "message": message, "details": { "kind": "namespaces" } });
    let fault = fault().method("POST").status(403).body(forbidden);
    world.sandbox.add_fault(fault).unwrap();
    let error = world.ensure(&case.operation, a_run()).await.unwrap_err();
    assert!(matches!(error, StepError::Permanent { .. }), "{error:?}");
    assert!(error.to_string().contains(message), "{error}");
    assert!(
        error.to_string().contains("give Opstella's account the right"),
        "{error}"
    );
}

#[tokio::test]
async fn nobody_there_passes() {
    let world = World::new().await;
    let (context, url) = (world.context(a_run()), world.sandbox.tool_url("kubernetes"));
    let adapter = connect(url, "token");
    world.sandbox.shutdown().await;
    for case in cases() {
        let error = adapter.ensure(&case.operation, &context).await.unwrap_err();
        assert!(is_transient(&error), "{error:?}");
        let error = adapter.remove(&case.operation, &context).await.unwrap_err();
        assert!(is_transient(&error), "{error:?}");
    }
    assert!(is_transient(&adapter.health().await.unwrap_err()));
}

#[tokio::test]
async fn a_change_in_between_is_looked_at_again() {
    let (world, run) = (World::new().await, a_run());
    let quota = &cases()[1];
    world.prepare(quota, run).await;
    world.ensure(&quota.operation, run).await.unwrap();
    let drifted = json!({ "spec": { "hard": { "pods": "1" } } });
    world.patch(&quota.path(), drifted).await;
    let slow = fault()
        .method("PATCH")
        .latency(Duration::from_millis(400))
        .times(1);
    world.sandbox.add_fault(slow).unwrap();
    let stolen = async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        let (status, _) = world
            .call(
                reqwest::Method::PUT,
                &quota.path(),
                Some(&json!({ "metadata": { "name": quota.name }, "spec": { "hard": { "pods": "2" } } })),
            )
            .await;
        assert_eq!(status, 200);
    };
    let (error, ()) = tokio::join!(world.ensure(&quota.operation, run), stolen);
    assert!(is_transient(&error.unwrap_err()));
    assert_eq!(world.get(&quota.path()).await["spec"]["hard"]["pods"], "2");
}

#[tokio::test]
async fn an_operation_of_another_tool_is_refused() {
    let world = World::new().await;
    let operation = opstella_domain::operation::Operation::HarborProject {
        project: opstella_domain::naming::RegistryProject::of(&crate::world::service()),
    };
    let context = world.context(a_run());
    let error = world.adapter.ensure(&operation, &context).await.unwrap_err();
    assert!(matches!(error, StepError::Permanent { .. }), "{error:?}");
    let error = world.adapter.remove(&operation, &context).await.unwrap_err();
    assert!(matches!(error, StepError::Permanent { .. }), "{error:?}");
}

#[tokio::test]
async fn health_is_the_version_with_our_token_and_right() {
    let world = World::new().await;
    let health = world.adapter.health().await.unwrap();
    assert_eq!(health.version.as_deref(), Some("v1.34.0+sandbox"));
    let review = json!({ "kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1",
                         "spec": {}, "status": { "allowed": false } });
    let denied = fault().method("POST").status(201).body(review).times(1);
    world.sandbox.add_fault(denied).unwrap();
    let error = world.adapter.health().await.unwrap_err();
    assert!(matches!(error, StepError::Permanent { .. }), "{error:?}");
    for skip in 0..2 {
        world.sandbox.add_fault(html(200).skip(skip)).unwrap();
        let error = world.adapter.health().await.unwrap_err();
        assert!(is_transient(&error), "{error:?}");
        world.sandbox.clear_faults();
    }
}

#[tokio::test]
async fn a_token_from_a_file_may_end_with_a_line_break() {
    let world = World::new().await;
    let token = format!("{}\n", opstella_sandbox::credentials::KUBERNETES_TOKEN);
    let adapter = connect(world.sandbox.tool_url("kubernetes"), &token);
    adapter.health().await.unwrap();
}
