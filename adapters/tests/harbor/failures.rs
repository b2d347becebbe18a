//! Failures are classed, whatever was under way; and no error tells a secret.

use std::time::Duration;

use opstella_adapters::harbor::Harbor;
use opstella_adapters::{StepError, ToolAdapter};
use opstella_domain::naming::QualityKey;
use opstella_domain::operation::Operation;
use opstella_sandbox::{Fault, credentials};
use secrecy::SecretString;

use crate::world::{World, connection, project, retention, robot, service};

fn page() -> Fault {
    Fault {
        content_type: Some("text/html".into()),
        ..Fault::on("harbor").status(200).body("<html>Back soon</html>")
    }
}

/// An ingress that does not know where Harbor is.
fn page_not_found() -> Fault {
    Fault {
        content_type: Some("text/plain; charset=utf-8".into()),
        ..Fault::on("harbor").status(404).body("404 page not found")
    }
}

async fn errors_of(world: &World) -> Vec<StepError> {
    let mut errors = vec![world.adapter.health().await.unwrap_err()];
    let context = world.context(1);
    for operation in [project(), robot(), retention()] {
        errors.push(world.adapter.ensure(&operation, &context).await.unwrap_err());
        errors.push(world.adapter.remove(&operation, &context).await.unwrap_err());
    }
    errors
}

#[tokio::test]
async fn are_classed() {
    let any = || Fault::on("harbor");
    let passing =
        |e: &StepError, after| matches!(e, StepError::Transient { retry_after, .. } if *retry_after == after);
    type Fits<'a> = Box<dyn Fn(&StepError) -> bool + 'a>;
    let rows: [(Fault, Fits<'_>); 5] = [
        (any().status(503), Box::new(|e| passing(e, None))),
        (
            any().status(429).retry_after(7),
            Box::new(|e| passing(e, Some(Duration::from_secs(7)))),
        ),
        (
            any().status(401),
            Box::new(|e| matches!(e, StepError::Unauthorised { .. })),
        ),
        (page(), Box::new(|e| passing(e, None))),
        (page_not_found(), Box::new(|e| passing(e, None))),
    ];
    let world = World::new().await;
    for (fault, fits) in rows {
        world.sandbox.add_fault(fault.clone()).unwrap();
        for error in errors_of(&world).await {
            assert!(fits(&error), "{fault:?}: {error:?}");
            assert!(
                !error.to_string().contains(credentials::HARBOR_PASSWORD),
                "{error}"
            );
        }
        world.sandbox.clear_faults();
    }
}

#[tokio::test]
async fn a_page_in_between_is_never_taken_for_an_answer() {
    for page in [page(), page_not_found()] {
        for operation in [project(), robot(), retention()] {
            for method in ["POST", "GET", "DELETE"] {
                let world = World::new().await;
                world.ground(&operation).await;
                let context = world.context(1);
                if method == "DELETE" {
                    world.ensure(&operation, 1).await;
                }
                let fault = page.clone().method(method).times(1);
                world.sandbox.add_fault(fault).unwrap();
                let error = if method == "DELETE" {
                    world.adapter.remove(&operation, &context).await.unwrap_err()
                } else {
                    world.adapter.ensure(&operation, &context).await.unwrap_err()
                };
                assert!(matches!(error, StepError::Transient { .. }), "{error:?}");
                world.ensure(&operation, 1).await;
            }
        }
    }
}

/// Whether a project that our account may not see exists is asked with HEAD, whose answer has no body.
#[tokio::test]
async fn a_page_in_between_does_not_say_that_a_hidden_project_is_absent() {
    let world = World::new().await;
    world.ensure(&project(), 1).await;
    let hidden = || {
        Fault::on("harbor")
            .method("GET")
            .path("**/projects/*")
            .status(403)
    };
    let context = world.context(1);
    for kind in ["text/html", "text/plain; charset=utf-8"] {
        world.sandbox.add_fault(hidden()).unwrap();
        let fault = Fault {
            content_type: Some(kind.into()),
            ..Fault::on("harbor").method("HEAD").status(404).body("")
        };
        world.sandbox.add_fault(fault).unwrap();
        let error = world.adapter.remove(&project(), &context).await.unwrap_err();
        assert!(matches!(error, StepError::Transient { .. }), "{error:?}");
        assert!(error.to_string().contains(kind), "{error}");
        world.sandbox.clear_faults();
    }
}

#[tokio::test]
async fn passing_ones_pass() {
    for operation in [project(), robot(), retention()] {
        let world = World::new().await;
        world.ground(&operation).await;
        let twice = Fault::on("harbor").status(503).times(2);
        world.sandbox.add_fault(twice).unwrap();
        let context = world.context(1);
        for _ in 0..2 {
            world.adapter.ensure(&operation, &context).await.unwrap_err();
        }
        world.ensure(&operation, 1).await;
    }
}

#[tokio::test]
async fn health_tells_the_version_and_checks_the_credential() {
    let world = World::new().await;
    let health = world.adapter.health().await.unwrap();
    assert_eq!(health.version.unwrap(), "v2.16.0-sandbox");
    let connection = connection(world.sandbox.tool_url("harbor"));
    let wrong = Harbor::connect(&connection, SecretString::from("admin:hunter2")).unwrap();
    let error = wrong.health().await.unwrap_err();
    assert!(matches!(error, StepError::Unauthorised { .. }), "{error:?}");
}

#[tokio::test]
async fn a_credential_of_another_form_is_refused() {
    let connection = connection("https://harbor.example".into());
    for wrong in ["", "hunter2", ":hunter2", "hunter2:"] {
        let Err(error) = Harbor::connect(&connection, SecretString::from(wrong)) else {
            panic!("{wrong} was taken");
        };
        assert!(matches!(error, StepError::Permanent { .. }), "{error:?}");
        let text = error.to_string();
        assert!(
            text.contains("user:password") && !text.contains("hunter2"),
            "{text}"
        );
    }
    assert!(Harbor::connect(&connection, SecretString::from("robot$opstella:a:b")).is_ok());
}

#[tokio::test]
async fn operations_of_other_tools_are_refused() {
    let world = World::new().await;
    let operation = Operation::SonarProject {
        key: QualityKey::of(&service(), &"api".parse().unwrap()),
    };
    let context = world.context(1);
    assert!(world.adapter.ensure(&operation, &context).await.is_err());
    assert!(world.adapter.remove(&operation, &context).await.is_err());
}
