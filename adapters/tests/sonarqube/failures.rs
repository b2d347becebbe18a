//! Failures are classed, whatever was under way; lost answers are caught up; and no error tells a secret.

use opstella_adapters::{Removal, Removed, StepError, ToolAdapter};
use opstella_domain::naming::RepositoryPath;
use opstella_domain::operation::Operation;
use opstella_domain::resource::Provenance;
use opstella_sandbox::{Fault, credentials};
use serde_json::json;

use crate::support::{Driven, failures, lost, page, permanent, service, sweep, transient};
use crate::world::{World, all, connect, gate, project, token, webhook};

#[tokio::test]
async fn are_classed() {
    let world = World::new().await;
    for (fault, fits) in failures("sonarqube") {
        world.sandbox.add_fault(fault.clone()).unwrap();
        let mut errors = vec![world.adapter.health().await.unwrap_err()];
        for operation in all() {
            errors.push(world.refusal(&operation, 1).await);
            errors.push(world.remove_failing(&operation, 1).await);
        }
        for error in errors {
            assert!(fits(&error), "{fault:?}: {error:?}");
            assert!(
                !error.to_string().contains(credentials::SONARQUBE_TOKEN),
                "{error}"
            );
        }
        world.sandbox.clear_faults();
    }
}

#[tokio::test]
async fn are_got_over_at_every_call() {
    for operation in [project(), token(), webhook()] {
        sweep::making("sonarqube", &operation, async || {
            World::before(&operation, 9).await
        })
        .await;
    }
    sweep::making("sonarqube", &gate(), async || World::before(&gate(), 1).await).await;
}

#[tokio::test]
async fn of_removals_are_got_over_at_every_call() {
    for operation in all() {
        sweep::removing("sonarqube", &operation, async || {
            World::before(&operation, 1).await
        })
        .await;
    }
}

#[tokio::test]
async fn answers_lost_after_making() {
    for (operation, path) in [
        (project(), "**/projects/create"),
        (project(), "**/project_tags/set"),
        (gate(), "**/qualitygates/select"),
        (token(), "**/user_tokens/generate"),
        (webhook(), "**/webhooks/create"),
    ] {
        let world = World::before(&operation, 1).await;
        let smooth = World::before(&operation, 1).await;
        smooth.ensure(&operation, 1).await;
        world.sandbox.add_fault(lost("sonarqube", "POST", path)).unwrap();
        transient(&world.refusal(&operation, 1).await);
        assert_eq!(
            world.provenance(&operation, 1).await,
            Provenance::Created,
            "{path}"
        );
        assert_eq!(world.sandbox.state(), smooth.sandbox.state(), "{path}");
        assert_eq!(world.gate().await, smooth.gate().await, "{path}");
        let kept = world.secrets.all();
        assert_eq!(kept.len(), smooth.secrets.all().len(), "{path}");
        let removed = world.remove(&operation, 1, Removal::ThisRun).await;
        assert_eq!(removed, Removed::Deleted, "{path}");
    }
}

#[tokio::test]
async fn answers_lost_after_deleting() {
    for (operation, path) in [
        (project(), "**/projects/delete"),
        (gate(), "**/qualitygates/deselect"),
        (token(), "**/user_tokens/revoke"),
        (webhook(), "**/webhooks/delete"),
    ] {
        let world = World::before(&operation, 1).await;
        let before = world.whole().await;
        world.ensure(&operation, 1).await;
        world.sandbox.add_fault(lost("sonarqube", "POST", path)).unwrap();
        transient(&world.remove_failing(&operation, 1).await);
        let removed = world.remove(&operation, 1, Removal::ThisRun).await;
        assert_ne!(removed, Removed::Kept, "{path}");
        assert_eq!(world.whole().await, before, "{path}");
        assert!(world.secrets.all().is_empty(), "{path}");
    }
}

#[tokio::test]
async fn a_page_is_no_confirmation() {
    for operation in all() {
        let world = World::before(&operation, 1).await;
        world
            .sandbox
            .add_fault(page("sonarqube").method("POST").times(1))
            .unwrap();
        transient(&world.refusal(&operation, 1).await);
        world.ensure(&operation, 1).await;
        world
            .sandbox
            .add_fault(page("sonarqube").method("POST").times(1))
            .unwrap();
        transient(&world.remove_failing(&operation, 1).await);
        let removed = world.remove(&operation, 1, Removal::ThisRun).await;
        assert_eq!(removed, Removed::Deleted, "{operation:?}");
    }
}

#[tokio::test]
async fn a_lacking_right_is_permanent_and_says_so() {
    let world = World::before(&gate(), 1).await;
    world
        .sandbox
        .add_fault(Fault::on("sonarqube").method("POST").status(403))
        .unwrap();
    for operation in [gate(), token(), webhook()] {
        let text = permanent(&world.refusal(&operation, 1).await);
        assert!(text.contains("give Opstella's account the right"), "{text}");
    }
}

#[tokio::test]
async fn health_tells_the_version_and_checks_the_credential() {
    let world = World::new().await;
    let health = world.adapter.health().await.unwrap();
    assert!(health.version.unwrap().starts_with("2026."));
    let wrong = connect(&world.sandbox.tool_url("sonarqube"), "squ_wrong");
    let error = wrong.health().await.unwrap_err();
    assert!(matches!(error, StepError::Unauthorised { .. }), "{error:?}");
    let starting = Fault::on("sonarqube").path("**/system/status").status(200);
    let body = json!({"id": "1", "version": "2026.1", "status": "STARTING"});
    world.sandbox.add_fault(starting.body(body)).unwrap();
    let error = world.adapter.health().await.unwrap_err();
    assert!(transient(&error).contains("STARTING"), "{error}");
}

#[tokio::test]
async fn operations_of_other_tools_are_refused() {
    let world = World::new().await;
    let operation = Operation::GitlabProject {
        repository: RepositoryPath::of(&service(), &"api".parse().unwrap()),
    };
    permanent(&world.refusal(&operation, 1).await);
    permanent(&world.remove_failing(&operation, 1).await);
}
