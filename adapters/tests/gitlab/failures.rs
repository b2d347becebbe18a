//! Failures are classed, whatever was under way; and no error tells a secret.

use opstella_adapters::{Removal, Removed, StepError, ToolAdapter};
use opstella_domain::naming::QualityKey;
use opstella_domain::operation::Operation;
use opstella_domain::resource::Provenance;
use opstella_sandbox::{Fault, credentials};

use crate::operations::{
    all, component, environment, files, group, overlay, protected, repository, variables, webhook,
};
use crate::support::{Driven, failures, lost, page, service, sweep, transient};
use crate::world::{ROBOT_PASSWORD, World, connect};

#[tokio::test]
async fn are_classed() {
    let world = World::new().await;
    for (fault, fits) in failures("gitlab") {
        world.sandbox.add_fault(fault.clone()).unwrap();
        let mut errors = vec![world.adapter.health().await.unwrap_err()];
        for operation in all() {
            errors.push(world.refusal(&operation, 1).await);
            errors.push(world.remove_failing(&operation, 1).await);
        }
        for error in errors {
            assert!(fits(&error), "{fault:?}: {error:?}");
            let text = error.to_string();
            assert!(
                !text.contains(credentials::GITLAB_TOKEN) && !text.contains(ROBOT_PASSWORD),
                "{text}"
            );
        }
        world.sandbox.clear_faults();
    }
}

#[tokio::test]
async fn are_got_over_at_every_call() {
    for operation in all() {
        sweep::making("gitlab", &operation, async || World::before(&operation, 1).await).await;
    }
}

#[tokio::test]
async fn of_removals_are_got_over_at_every_call() {
    for operation in [group(), repository(), environment(), variables(), webhook()] {
        sweep::removing("gitlab", &operation, async || World::before(&operation, 1).await).await;
    }
}

/// Where the repository makes its group again, and its undoing takes it away again.
#[tokio::test]
async fn of_a_repository_without_its_group_are_got_over_at_every_call() {
    sweep::making("gitlab", &repository(), async || World::new().await).await;
    sweep::removing("gitlab", &repository(), async || World::new().await).await;
}

#[tokio::test]
async fn answers_lost_after_making() {
    let calls: [(Operation, &str); 7] = [
        (group(), "**/groups"),
        (repository(), "**/projects"),
        (files(None), "**/repository/commits"),
        (overlay(), "**/repository/commits"),
        (protected(), "**/protected_branches"),
        (environment(), "**/environments"),
        (webhook(), "**/hooks"),
    ];
    for (operation, path) in calls {
        let world = World::before(&operation, 1).await;
        let smooth = World::before(&operation, 1).await;
        smooth.ensure(&operation, 1).await;
        world.sandbox.add_fault(lost("gitlab", "POST", path)).unwrap();
        transient(&world.refusal(&operation, 1).await);
        let writes = world.writes();
        assert_eq!(
            world.provenance(&operation, 1).await,
            Provenance::Created,
            "{operation:?}"
        );
        assert_eq!(world.sandbox.state(), smooth.sandbox.state(), "{operation:?}");
        // Nobody can read back which token a webhook sends: it is told again.
        let told = usize::from(operation == webhook());
        assert_eq!(world.writes(), writes + told, "{operation:?}");
        let removed = world.remove(&operation, 1, Removal::ThisRun).await;
        assert_eq!(removed, Removed::Deleted, "{operation:?}");
    }
}

#[tokio::test]
async fn answers_lost_after_deleting() {
    let calls: [(Operation, &str, &str); 6] = [
        (group(), "DELETE", "**/groups/*"),
        (repository(), "DELETE", "**/projects/*"),
        (environment(), "POST", "**/environments/*/stop"),
        (environment(), "DELETE", "**/environments/*"),
        (variables(), "DELETE", "**/variables/*"),
        (webhook(), "DELETE", "**/hooks/*"),
    ];
    for (operation, method, path) in calls {
        let world = World::before(&operation, 1).await;
        let (before, secrets) = (world.sandbox.state(), world.secrets.all());
        world.ensure(&operation, 1).await;
        world.sandbox.add_fault(lost("gitlab", method, path)).unwrap();
        transient(&world.remove_failing(&operation, 1).await);
        let removed = world.remove(&operation, 1, Removal::ThisRun).await;
        assert_ne!(removed, Removed::Kept, "{operation:?}");
        assert_eq!(world.sandbox.state(), before, "{operation:?}");
        assert_eq!(world.secrets.all(), secrets, "{operation:?}");
    }
}

#[tokio::test]
async fn a_page_is_no_confirmation_of_a_deletion() {
    for operation in [group(), repository(), environment(), variables(), webhook()] {
        let world = World::before(&operation, 1).await;
        world.ensure(&operation, 1).await;
        world
            .sandbox
            .add_fault(page("gitlab").method("DELETE").times(1))
            .unwrap();
        transient(&world.remove_failing(&operation, 1).await);
        let removed = world.remove(&operation, 1, Removal::ThisRun).await;
        assert_eq!(removed, Removed::Deleted, "{operation:?}");
    }
}

#[tokio::test]
async fn a_lacking_right_is_permanent_and_says_so() {
    let world = World::with_repository(1).await;
    let fault = Fault::on("gitlab").method("POST").status(403);
    world.sandbox.add_fault(fault).unwrap();
    for operation in [files(None), environment(), variables(), webhook()] {
        let error = world.refusal(&operation, 1).await;
        let text = crate::support::permanent(&error);
        assert!(text.contains("give Opstella's account the right"), "{text}");
    }
}

#[tokio::test]
async fn health_tells_the_version_and_checks_the_credential() {
    let world = World::new().await;
    let health = world.adapter.health().await.unwrap();
    assert_eq!(health.version.unwrap(), "18.5.0-ee");
    let wrong = connect(&world.sandbox.tool_url("gitlab"), "glpat-wrong");
    let error = wrong.health().await.unwrap_err();
    assert!(matches!(error, StepError::Unauthorised { .. }), "{error:?}");
    assert!(!error.to_string().contains("glpat-wrong"), "{error}");
}

#[tokio::test]
async fn operations_of_other_tools_are_refused() {
    let world = World::new().await;
    let operation = Operation::SonarProject {
        key: QualityKey::of(&service(), &component()),
    };
    crate::support::permanent(&world.refusal(&operation, 1).await);
    crate::support::permanent(&world.remove_failing(&operation, 1).await);
}
