//! Each operation in each row of the table in `docs/adding-an-adapter.md`.

use opstella_adapters::{Removal, Removed, StepError, ToolAdapter};
use opstella_domain::resource::Provenance;
use opstella_sandbox::Fault;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{INSTALLATION, elsewhere, managed_by, of_another};
use crate::world::{Case, World, a_run, cases};

/// Somebody else's object in the place of ours.
async fn put_foreign(world: &World, case: &Case) -> Value {
    let mut object = case.foreign.clone();
    object["metadata"] = json!({ "name": case.name, "labels": { "team": "other" },
                                 "annotations": { "note": "keep" } });
    world.post(&case.collection, object).await
}

async fn is_there(world: &World, case: &Case) -> bool {
    world.call(Method::GET, &case.path(), None).await.0 == 200
}

#[tokio::test]
async fn absent_is_created_with_marks_and_again_changes_nothing() {
    let (world, run) = (World::new().await, a_run());
    for case in cases() {
        for _ in 0..2 {
            let provenance = world.ensure(&case.operation, run).await;
            assert_eq!(provenance.unwrap(), Provenance::Created, "{:?}", case.operation);
        }
        let meta = &world.get(&case.path()).await["metadata"];
        let labels = &meta["labels"];
        assert_eq!(labels["app.kubernetes.io/managed-by"], "opstella");
        assert_eq!(labels["opstella.io/installation"], INSTALLATION.to_string());
        assert_eq!(labels["opstella.io/project"], "payments");
        assert_eq!(labels["opstella.io/service"], "checkout");
        assert_eq!(meta["annotations"], json!({ "opstella.io/run": run.to_string() }));
    }
    let before = world.sandbox.state()["kubernetes"].clone();
    assert_eq!(before.as_object().unwrap().len(), cases().len(), "{before}");
    let versions = async || {
        let mut versions = Vec::new();
        for case in cases() {
            versions.push(world.get(&case.path()).await["metadata"]["resourceVersion"].clone());
        }
        versions
    };
    let first = versions().await;
    for case in cases() {
        let provenance = world.ensure(&case.operation, a_run()).await;
        assert_eq!(provenance.unwrap(), Provenance::Existing, "{:?}", case.operation);
    }
    assert_eq!(versions().await, first);
}

#[tokio::test]
async fn outcomes_name_the_object() {
    let (world, run) = (World::new().await, a_run());
    let mut names = Vec::new();
    for case in cases() {
        let outcome = world.adapter.ensure(&case.operation, &world.context(run)).await;
        let resource = outcome.unwrap().resource;
        assert_eq!(resource.url, None);
        names.push(format!("{} {}", resource.kind, resource.name));
    }
    assert_eq!(
        names,
        [
            "namespace payments--checkout--dev",
            "resourcequota payments--checkout--dev/opstella-quota",
            "limitrange payments--checkout--dev/opstella-limits",
            "networkpolicy payments--checkout--dev/default-deny",
            "serviceaccount payments--checkout--dev/workload",
            "rolebinding payments--checkout--dev/opstella-members",
            "secret payments--checkout--dev/registry-pull",
        ]
    );
}

#[tokio::test]
async fn foreign_is_refused_by_name_and_left_alone() {
    for case in cases() {
        let (world, run) = (World::new().await, a_run());
        world.prepare(&case, run).await;
        let before = put_foreign(&world, &case).await;
        let error = world.ensure(&case.operation, run).await.unwrap_err();
        assert!(matches!(error, StepError::Permanent { .. }), "{error:?}");
        assert!(error.to_string().contains(case.name), "{error}");
        assert!(error.to_string().contains("adoption"), "{error}");
        for removal in [Removal::ThisRun, Removal::Service] {
            assert_eq!(world.remove(&case.operation, run, removal).await, Removed::Kept);
        }
        assert_eq!(world.get(&case.path()).await, before);
    }
}

#[tokio::test]
async fn of_another_service_is_foreign() {
    for case in cases() {
        let (world, run) = (World::new().await, a_run());
        world.prepare(&case, run).await;
        world.ensure(&case.operation, run).await.unwrap();
        let stolen = json!({ "metadata": { "labels": { "opstella.io/service": "billing" } } });
        world.patch(&case.path(), stolen).await;
        let error = world.ensure(&case.operation, run).await.unwrap_err();
        assert!(matches!(error, StepError::Permanent { .. }), "{error:?}");
        for removal in [Removal::ThisRun, Removal::Service] {
            assert_eq!(world.remove(&case.operation, run, removal).await, Removed::Kept);
        }
    }
}

#[tokio::test]
async fn of_another_installation_is_foreign() {
    for case in cases() {
        let (world, run) = (World::new().await, a_run());
        world.prepare(&case, run).await;
        let theirs = elsewhere(world.context(run));
        world.adapter.ensure(&case.operation, &theirs).await.unwrap();
        let before = world.get(&case.path()).await;
        let refused = world.ensure(&case.operation, run).await.unwrap_err();
        assert!(of_another(&refused).contains(case.name), "{refused}");
        for removal in [Removal::ThisRun, Removal::Service] {
            assert_eq!(world.remove(&case.operation, run, removal).await, Removed::Kept);
        }
        assert_eq!(world.get(&case.path()).await, before);
        // Adopted, it is theirs no longer; given back, it is nobody's.
        let adopted = world.adopt(&case.operation, run).await;
        assert_eq!(adopted.unwrap(), Provenance::Adopted);
        let error = world.adapter.ensure(&case.operation, &theirs).await.unwrap_err();
        managed_by(&error, INSTALLATION);
        let removed = world.remove(&case.operation, run, Removal::Service).await;
        assert_eq!(removed, Removed::Kept);
        let error = world.adapter.ensure(&case.operation, &theirs).await.unwrap_err();
        assert!(error.to_string().contains("not this service's"), "{error}");
    }
}

#[tokio::test]
async fn adopted_is_ours_and_never_deleted() {
    for case in cases() {
        let (world, run) = (World::new().await, a_run());
        world.prepare(&case, run).await;
        put_foreign(&world, &case).await;
        for _ in 0..2 {
            let provenance = world.adopt(&case.operation, run).await;
            assert_eq!(provenance.unwrap(), Provenance::Adopted, "{:?}", case.operation);
        }
        let meta = &world.get(&case.path()).await["metadata"];
        assert_eq!(meta["labels"]["opstella.io/service"], "checkout");
        assert_eq!(meta["labels"]["team"], "other");
        let annotations = json!({ "note": "keep", "opstella.io/adopted": run.to_string() });
        assert_eq!(meta["annotations"], annotations);
        let later = world.ensure(&case.operation, a_run()).await;
        assert_eq!(later.unwrap(), Provenance::Existing);
        let removed = world.remove(&case.operation, a_run(), Removal::ThisRun).await;
        assert_eq!(removed, Removed::Kept, "another run's mark stays");
        let marked = &world.get(&case.path()).await["metadata"];
        assert_eq!(marked["annotations"], annotations);
        // The run that adopted it comes to nothing, or the service goes: whoever wants it has to ask anew.
        for (remover, removal) in [(run, Removal::ThisRun), (a_run(), Removal::Service)] {
            for _ in 0..2 {
                let removed = world.remove(&case.operation, remover, removal).await;
                assert_eq!(removed, Removed::Kept);
            }
            let meta = &world.get(&case.path()).await["metadata"];
            assert_eq!(meta["labels"]["team"], "other");
            assert_eq!(meta["annotations"], json!({ "note": "keep" }));
            let labels = meta["labels"].as_object().unwrap();
            assert!(
                !labels.keys().any(|key| key.starts_with("opstella.io/")),
                "{labels:?}"
            );
            let error = world.ensure(&case.operation, a_run()).await.unwrap_err();
            assert!(error.to_string().contains("adoption"), "{error}");
            world.adopt(&case.operation, run).await.unwrap();
        }
        assert!(is_there(&world, &case).await);
    }
}

#[tokio::test]
async fn unwinding_deletes_what_its_run_made_and_nothing_else() {
    for case in cases() {
        let (world, run) = (World::new().await, a_run());
        let remove = async |run| world.remove(&case.operation, run, Removal::ThisRun).await;
        assert_eq!(remove(run).await, Removed::Absent); // with its namespace
        world.prepare(&case, run).await;
        assert_eq!(remove(run).await, Removed::Absent);
        world.ensure(&case.operation, run).await.unwrap();
        assert_eq!(remove(a_run()).await, Removed::Kept);
        assert!(is_there(&world, &case).await);
        assert_eq!(remove(run).await, Removed::Deleted);
        assert!(!is_there(&world, &case).await);
        assert_eq!(remove(run).await, Removed::Absent);
    }
}

#[tokio::test]
async fn decommissioning_deletes_what_any_run_made() {
    for case in cases() {
        let world = World::new().await;
        let remove = async || world.remove(&case.operation, a_run(), Removal::Service).await;
        assert_eq!(remove().await, Removed::Absent);
        world.prepare(&case, a_run()).await;
        assert_eq!(remove().await, Removed::Absent);
        world.ensure(&case.operation, a_run()).await.unwrap();
        assert_eq!(remove().await, Removed::Deleted);
        assert!(!is_there(&world, &case).await);
    }
}

#[tokio::test]
async fn a_lost_answer_does_no_harm() {
    for case in cases() {
        let (world, run) = (World::new().await, a_run());
        world.prepare(&case, run).await;
        for method in ["POST", "DELETE"] {
            let fault = Fault::on("kubernetes").method(method).drop_after().times(1);
            world.sandbox.add_fault(fault).unwrap();
        }
        let error = world.ensure(&case.operation, run).await.unwrap_err();
        assert!(matches!(error, StepError::Transient { .. }), "{error:?}");
        assert!(is_there(&world, &case).await);
        let again = world.ensure(&case.operation, run).await;
        assert_eq!(again.unwrap(), Provenance::Created);

        let removed = world.adapter.remove(&case.operation, &world.context(run)).await;
        let error = removed.unwrap_err();
        assert!(matches!(error, StepError::Transient { .. }), "{error:?}");
        let again = world.remove(&case.operation, run, Removal::ThisRun).await;
        assert_eq!(again, Removed::Absent);
    }
}

#[tokio::test]
async fn of_two_that_make_it_at_once_one_looks_again() {
    for case in cases() {
        let (world, run) = (World::new().await, a_run());
        world.prepare(&case, run).await;
        let operation = &case.operation;
        let (left, right) = tokio::join!(world.ensure(operation, run), world.ensure(operation, run));
        assert_eq!(
            (left.unwrap(), right.unwrap()),
            (Provenance::Created, Provenance::Created)
        );
    }
}
