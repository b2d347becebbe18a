//! Failures on demand: the sandbox has them.

use http::Method;
use opstella_adapters::{SecretFields, SecretStore, StepError, ToolAdapter};
use opstella_domain::naming::{QualityKey, SecretPath};
use opstella_domain::operation::Operation;
use opstella_sandbox::{Fault, credentials};
use serde_json::json;

use crate::support::sweep::{self, Sandboxed};
use crate::support::{Driven, failures, lost, permanent, transient};
use crate::world::World;

#[tokio::test]
async fn are_classed() {
    let world = World::sandboxed().await;
    let path = SecretPath::robot(&world.service);
    let some = || SecretFields::from([("password".to_owned(), "hunter2".to_owned().into())]);
    for (fault, fits) in failures("vault") {
        world.sandbox().add_fault(fault.clone()).unwrap();
        let mut errors = vec![
            world.adapter.health().await.unwrap_err(),
            world.adapter.read(&path).await.unwrap_err(),
            world.write(&path, some(), &world.owner(1)).await.unwrap_err(),
            world.adapter.delete(&path, &world.owner(1)).await.unwrap_err(),
        ];
        for which in 0..4 {
            errors.push(world.refusal(&world.operation(which), 1).await);
            errors.push(world.remove_failing(&world.operation(which), 1).await);
        }
        for error in errors {
            assert!(fits(&error), "{fault:?}: {error:?}");
            let text = error.to_string();
            assert!(
                !text.contains(credentials::VAULT_TOKEN) && !text.contains("hunter2"),
                "{text}"
            );
        }
        world.sandbox().clear_faults();
    }
}

#[tokio::test]
async fn are_got_over_at_every_call() {
    let world = World::sandboxed().await;
    for which in 0..4 {
        sweep::making("vault", &world.operation(which), World::sandboxed).await;
        sweep::removing("vault", &world.operation(which), World::sandboxed).await;
    }
}

#[tokio::test]
async fn answers_lost_after_making() {
    for (which, path) in [
        (0, "**/metadata/**"),
        (0, "**/data/**"),
        (1, "**/policies/**"),
        (2, "**/kubernetes/role/*"),
        (3, "**/approle/role/*"),
    ] {
        let (world, smooth) = (World::sandboxed().await, World::sandboxed().await);
        let operation = world.operation(which);
        smooth.ensure(&operation, 1).await;
        world.sandbox().add_fault(lost("vault", "POST", path)).unwrap();
        transient(&world.refusal(&operation, 1).await);
        world.ensure(&operation, 1).await;
        assert_eq!(world.sandbox().state(), smooth.sandbox().state(), "{path}");
    }
}

#[tokio::test]
async fn a_credential_is_kept_for_all_lost_answers() {
    let path_of = |world: &World| SecretPath::robot(&world.service);
    for glob in ["**/metadata/**", "**/data/**"] {
        let world = World::sandboxed().await;
        let path = path_of(&world);
        world.sandbox().add_fault(lost("vault", "POST", glob)).unwrap();
        let some = || SecretFields::from([("password".to_owned(), "hunter2".to_owned().into())]);
        transient(&world.write(&path, some(), &world.owner(1)).await.unwrap_err());
        world.write(&path, some(), &world.owner(1)).await.unwrap();
        assert_eq!(world.adapter.read(&path).await.unwrap().unwrap().len(), 1);
    }
}

/// What is as it has to be is not written again: each write of a secret path would be a version.
#[tokio::test]
async fn the_second_time_nothing_is_written() {
    let world = World::sandboxed().await;
    for which in 0..4 {
        world.ensure(&world.operation(which), 1).await;
    }
    let writes = || {
        let exchanges = world.sandbox().exchanges();
        exchanges.iter().filter(|e| e.method != Method::GET).count()
    };
    let before = writes();
    for which in 0..4 {
        world.ensure(&world.operation(which), 2).await;
    }
    assert_eq!(writes(), before);
}

#[tokio::test]
async fn a_sealed_vault_passes() {
    let world = World::sandboxed().await;
    let sealed = Fault::on("vault").path("**/seal-status").status(200);
    let body = json!({"sealed": true, "version": "2.0.0"});
    world.sandbox().add_fault(sealed.body(body)).unwrap();
    let error = world.adapter.health().await.unwrap_err();
    assert!(transient(&error).contains("unseal"), "{error}");
    world.sandbox().clear_faults();
    world
        .sandbox()
        .add_fault(
            Fault::on("vault")
                .status(503)
                .body(json!({"errors": ["Vault is sealed"]})),
        )
        .unwrap();
    let error = world.refusal(&world.policy(), 1).await;
    assert!(transient(&error).contains("Vault is sealed"), "{error}");
}

#[tokio::test]
async fn operations_of_other_tools_are_refused() {
    let world = World::sandboxed().await;
    let key = QualityKey::of(&world.service, &"api".parse().unwrap());
    let operation = Operation::SonarProject { key };
    permanent(&world.refusal(&operation, 1).await);
    let error = world.remove_failing(&operation, 1).await;
    assert!(matches!(error, StepError::Permanent { .. }), "{error:?}");
}
