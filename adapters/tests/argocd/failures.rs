//! What goes wrong on the way to Argo CD.

use std::time::Duration;

use opstella_adapters::{Removed, StepError, ToolAdapter};
use opstella_domain::resource::Provenance;
use opstella_sandbox::{Fault, credentials};

use crate::world::{World, application, checkout, connect, permanent, project, transient};

/// An ingress that does not know where Argo CD is.
fn page_not_found() -> Fault {
    Fault {
        content_type: Some("text/html".into()),
        ..Fault::on("argocd").status(404).body("default backend - 404")
    }
}

fn all() -> [opstella_domain::operation::Operation; 2] {
    [project(), application()]
}

#[tokio::test]
async fn a_lost_answer_makes_no_double() {
    for operation in all() {
        let world = World::before(&operation).await;
        world.fault(Fault::on("argocd").method("POST").drop_after().times(1));
        transient(&world.refusal(&operation, &checkout(1)).await);
        let state = world.state();
        assert_eq!(
            world.provenance(&operation, &checkout(1)).await,
            Provenance::Created
        );
        assert_eq!(world.state(), state);

        world.fault(Fault::on("argocd").method("DELETE").drop_after().times(1));
        transient(&world.adapter.remove(&operation, &checkout(1)).await.unwrap_err());
        assert_eq!(world.remove(&operation, &checkout(1)).await, Removed::Absent);
    }
}

#[tokio::test]
async fn failures_are_classed() {
    for operation in all() {
        let world = World::before(&operation).await;
        let (context, base) = (checkout(1), || Fault::on("argocd").times(1));
        for method in ["GET", "POST"] {
            world.fault(base().method(method).status(503));
            assert_eq!(transient(&world.refusal(&operation, &context).await), None);
            world.fault(base().method(method).status(429).retry_after(7));
            let wait = transient(&world.refusal(&operation, &context).await);
            assert_eq!(wait, Some(Duration::from_secs(7)));
            world.fault(base().method(method).status(401));
            let error = world.refusal(&operation, &context).await;
            assert!(matches!(error, StepError::Unauthorised { .. }), "{error:?}");
            world.fault(
                base()
                    .method(method)
                    .status(200)
                    .body("<html>Down for maintenance</html>"),
            );
            transient(&world.refusal(&operation, &context).await);
            world.fault(page_not_found().method(method).times(1));
            transient(&world.refusal(&operation, &context).await);
            world.fault(base().method(method).status(403));
            let message = permanent(&world.refusal(&operation, &context).await);
            assert!(message.contains("give Opstella's account the right"), "{message}");
            world.fault(base().method(method).drop_before());
            transient(&world.refusal(&operation, &context).await);
        }
        assert_eq!(world.provenance(&operation, &context).await, Provenance::Created);

        for (status, body) in [(503, "{}"), (200, "<html>Down for maintenance</html>")] {
            world.fault(base().method("DELETE").status(status).body(body));
            transient(&world.adapter.remove(&operation, &context).await.unwrap_err());
        }
        for method in ["GET", "DELETE"] {
            world.fault(page_not_found().method(method).times(1));
            let error = world.adapter.remove(&operation, &context).await.unwrap_err();
            transient(&error);
            assert!(error.to_string().contains("default backend - 404"), "{error}");
        }
        assert_eq!(world.remove(&operation, &context).await, Removed::Deleted);
    }
}

/// Where the application makes its project again, and its undoing takes it away again.
#[tokio::test]
async fn a_failure_at_any_call_leaves_no_project_behind() {
    for dropped in [false, true] {
        for calls in 0.. {
            let world = World::new().await;
            let fault = || {
                let fault = Fault::on("argocd").skip(calls).times(1);
                if dropped {
                    fault.drop_after()
                } else {
                    fault.status(503)
                }
            };
            world.fault(fault());
            let ensured = world.adapter.ensure(&application(), &checkout(1)).await;
            world.sandbox.clear_faults();
            world.ensure(&application(), &checkout(1)).await;
            world.fault(fault());
            let removed = world.adapter.remove(&application(), &checkout(1)).await;
            world.sandbox.clear_faults();
            let again = world.remove(&application(), &checkout(1)).await;
            assert_ne!(again, Removed::Kept, "call {calls}");
            assert_eq!(world.state(), serde_json::json!({}), "call {calls}");
            for error in [ensured.as_ref().err(), removed.as_ref().err()] {
                error.map(transient);
            }
            if ensured.is_ok() && removed.is_ok() {
                assert!(calls > 0, "nothing was called");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_wrong_token_is_said_to_be_wrong_and_never_shown() {
    let world = World::new().await;
    let url = world.sandbox.tool_url("argocd");
    let wrong = connect(&url, "hunter2");
    let ensured = wrong.ensure(&project(), &checkout(1)).await.unwrap_err();
    for error in [ensured, wrong.health().await.unwrap_err()] {
        assert!(matches!(error, StepError::Unauthorised { .. }), "{error:?}");
        assert!(!format!("{error:?} {error}").contains("hunter2"));
    }
}

#[tokio::test]
async fn health_is_the_version_and_a_credential_that_is_taken() {
    let world = World::new().await;
    let health = world.adapter.health().await.unwrap();
    assert!(health.version.unwrap().starts_with("v3."));

    let nobody = serde_json::json!({ "loggedIn": false });
    world.fault(
        Fault::on("argocd")
            .path("/api/v1/session/userinfo")
            .status(200)
            .body(nobody)
            .times(1),
    );
    let error = world.adapter.health().await.unwrap_err();
    assert!(matches!(error, StepError::Unauthorised { .. }), "{error:?}");

    let down = connect("http://127.0.0.1:1", credentials::ARGOCD_TOKEN);
    transient(&down.health().await.unwrap_err());
}
