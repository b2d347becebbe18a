//! Each operation in each row of the table of `docs/adding-an-adapter.md`.

use opstella_adapters::{Removal, Removed};
use opstella_domain::operation::Operation;
use opstella_domain::resource::Provenance;
use serde_json::{Value, json};

use crate::support::{INSTALLATION, elsewhere, managed_by, of_another};
use crate::world::{
    APPLICATION, CLUSTER, PROJECT, World, adopting, application, checkout, context, decommissioning,
    permanent, project,
};

fn operations() -> [(Operation, &'static str); 2] {
    [(project(), PROJECT), (application(), APPLICATION)]
}

/// Puts one there that is somebody else's.
async fn somebody_elses(world: &World, operation: &Operation, labels: Value) {
    match operation {
        Operation::ArgoProject { project, .. } => {
            let project = json!({ "metadata": { "name": project, "labels": labels },
                                  "spec": { "description": "Theirs", "sourceRepos": ["https://theirs.example/*"] } });
            world
                .post("/api/v1/projects", &json!({ "project": project }))
                .await;
        }
        Operation::ArgoApplication {
            application,
            namespace,
            ..
        } => {
            let theirs = json!({
                "metadata": { "name": application, "labels": labels,
                              "annotations": { "opstella.io/run": "00000000-0000-0000-0000-000000000001" } },
                "spec": { "project": "payments", "source": { "repoURL": "https://git.example/payments/x", "path": "x" },
                          "destination": { "server": CLUSTER, "namespace": namespace } },
            });
            world.post("/api/v1/applications", &theirs).await;
        }
        _ => unreachable!(),
    }
}

#[tokio::test]
async fn absent_is_created_once() {
    for (operation, path) in operations() {
        let world = World::before(&operation).await;
        let first = world.ensure(&operation, &checkout(1)).await;
        assert_eq!(first.provenance, Provenance::Created, "{path}");
        let (made, writes, state) = (world.get(path).await, world.writes(), world.state());
        assert_eq!(world.ensure(&operation, &checkout(1)).await, first);
        assert_eq!(world.get(path).await, made);
        assert_eq!((world.writes(), world.state()), (writes, state));
    }
}

#[tokio::test]
async fn another_run_of_the_service_finds_it_existing() {
    for (operation, path) in operations() {
        let world = World::before(&operation).await;
        world.ensure(&operation, &checkout(1)).await;
        let made = world.get(path).await;
        assert_eq!(
            world.provenance(&operation, &checkout(2)).await,
            Provenance::Existing
        );
        assert_eq!(
            world.provenance(&operation, &adopting(2)).await,
            Provenance::Existing
        );
        assert_eq!(world.get(path).await, made);
    }
}

#[tokio::test]
async fn what_is_somebody_elses_is_refused_by_name_and_left_alone() {
    let labels = [
        json!({ "team": "theirs" }),
        json!({ "opstella.io/project": "payments", "opstella.io/service": "billing" }),
        json!({ "opstella.io/project": "shop" }),
        // Of ours, but for who manages it.
        json!({ "opstella.io/project": "payments" }),
        json!({ "opstella.io/project": "payments", "opstella.io/service": "checkout" }),
        json!({ "opstella.io/project": "payments", "opstella.io/service": "checkout",
                "app.kubernetes.io/managed-by": "helm" }),
    ];
    for ((operation, path), labels) in operations()
        .into_iter()
        .flat_map(|o| labels.clone().map(|l| (o.clone(), l)))
    {
        let world = World::before(&operation).await;
        somebody_elses(&world, &operation, labels).await;
        let before = world.get(path).await;
        let message = permanent(&world.refusal(&operation, &checkout(1)).await);
        let name = path.rsplit('/').next().unwrap();
        assert!(
            message.contains(&format!("`{name}` is there already")),
            "{message}"
        );
        for context in [checkout(1), decommissioning(1)] {
            assert_eq!(world.remove(&operation, &context).await, Removed::Kept);
        }
        assert_eq!(world.get(path).await, before);
    }
}

#[tokio::test]
async fn what_another_installation_made_is_foreign() {
    for (operation, path) in operations() {
        let world = World::before(&operation).await;
        let theirs = elsewhere(checkout(1));
        world.ensure(&operation, &theirs).await;
        let before = world.get(path).await;
        of_another(&world.refusal(&operation, &checkout(1)).await);
        for context in [checkout(1), decommissioning(1)] {
            assert_eq!(world.remove(&operation, &context).await, Removed::Kept, "{path}");
        }
        assert_eq!(world.get(path).await, before);
        // Adopted, it is theirs no longer; given back, it is nobody's.
        world.ensure(&operation, &adopting(1)).await;
        managed_by(&world.refusal(&operation, &theirs).await, INSTALLATION);
        assert_eq!(world.remove(&operation, &checkout(1)).await, Removed::Kept);
        let labels = world.get(path).await["metadata"]["labels"].clone();
        assert_eq!(labels, json!({}), "{path}");
    }
}

/// It has our labels, and says of no run that it made it: it is used, and no removal takes it.
#[tokio::test]
async fn one_that_no_run_made_is_kept() {
    for (operation, path) in operations() {
        let world = World::before(&operation).await;
        world.ensure(&operation, &checkout(1)).await;
        let mut there = world.get(path).await;
        there["metadata"]["annotations"] = json!({ "team": "pay" });
        let body = match operation {
            Operation::ArgoProject { .. } => json!({ "project": there }),
            _ => there,
        };
        world.put(path, &body).await;
        assert_eq!(
            world.provenance(&operation, &checkout(1)).await,
            Provenance::Existing,
            "{path}"
        );
        for context in [checkout(1), checkout(2), decommissioning(1)] {
            assert_eq!(world.remove(&operation, &context).await, Removed::Kept, "{path}");
        }
        world.get(path).await;
    }
}

#[tokio::test]
async fn an_adopted_one_is_ours_and_no_removal_takes_it() {
    for (operation, path) in operations() {
        let world = World::before(&operation).await;
        somebody_elses(&world, &operation, json!({ "team": "theirs" })).await;
        assert_eq!(
            world.provenance(&operation, &adopting(1)).await,
            Provenance::Adopted
        );
        let adopted = world.get(path).await;
        assert_eq!(adopted["metadata"]["labels"]["team"], "theirs");
        assert_eq!(adopted["metadata"]["labels"]["opstella.io/project"], "payments");
        assert_eq!(
            adopted["metadata"]["annotations"],
            json!({ "opstella.io/adopted": "00000000-0000-0000-0000-000000000001" })
        );
        assert_eq!(
            world.provenance(&operation, &adopting(1)).await,
            Provenance::Adopted
        );
        assert_eq!(
            world.provenance(&operation, &checkout(2)).await,
            Provenance::Existing
        );
        assert_eq!(world.get(path).await, adopted);
        assert_eq!(world.remove(&operation, &checkout(2)).await, Removed::Kept);
        assert_eq!(world.get(path).await, adopted);
        assert_eq!(world.remove(&operation, &checkout(1)).await, Removed::Kept);
        world.get(path).await;
    }
}

/// The run that adopted it comes to nothing, or the service goes: whoever wants it has to ask for adoption anew. What
/// the services of a project share stays adopted when one of them goes.
#[tokio::test]
async fn an_adopted_one_is_given_back() {
    for (operation, path) in operations() {
        for remover in [checkout(1), decommissioning(2)] {
            let world = World::before(&operation).await;
            somebody_elses(&world, &operation, json!({ "team": "theirs" })).await;
            world.ensure(&operation, &adopting(1)).await;
            let adopted = world.get(path).await;
            let shared = matches!(operation, Operation::ArgoProject { .. });
            if shared && remover.removal == Removal::Service {
                assert_eq!(world.remove(&operation, &remover).await, Removed::Kept);
                assert_eq!(world.get(path).await, adopted);
                continue;
            }
            for _ in 0..2 {
                assert_eq!(world.remove(&operation, &remover).await, Removed::Kept, "{path}");
            }
            let theirs = world.get(path).await;
            assert_eq!(
                theirs["metadata"]["labels"],
                json!({ "team": "theirs" }),
                "{path}"
            );
            assert_eq!(theirs["metadata"]["annotations"], json!({}), "{path}");
            assert_eq!(theirs["spec"], adopted["spec"], "{path}");
            let message = permanent(&world.refusal(&operation, &checkout(3)).await);
            assert!(message.contains("adoption"), "{message}");
        }
    }
}

#[tokio::test]
async fn removals_take_what_they_may() {
    use Removed::{Absent, Deleted, Kept};
    let shared = |operation: &Operation| matches!(operation, Operation::ArgoProject { .. });
    for (operation, path) in operations() {
        let of_service = if shared(&operation) { Kept } else { Deleted };
        let rows = [
            (checkout(1), Deleted),
            (checkout(2), Kept),
            (decommissioning(1), of_service),
            (decommissioning(2), of_service),
        ];
        for (context, expected) in rows {
            let world = World::before(&operation).await;
            let empty = world.state();
            assert_eq!(world.remove(&operation, &context).await, Absent, "{path}");
            world.ensure(&operation, &checkout(1)).await;
            let full = world.state();
            assert_eq!(
                world.remove(&operation, &context).await,
                expected,
                "{path} {:?}",
                context.removal
            );
            assert_eq!(world.state(), if expected == Deleted { empty } else { full });
            let again = if expected == Deleted { Absent } else { Kept };
            assert_eq!(world.remove(&operation, &context).await, again);
        }
    }
}

#[tokio::test]
async fn outcomes_name_a_page_to_look_at() {
    let world = World::new().await;
    let base = world.sandbox.tool_url("argocd");
    for (operation, kind, page) in [
        (project(), "project", "settings/projects/payments"),
        (
            application(),
            "application",
            "applications/argocd/payments--checkout--api--dev",
        ),
    ] {
        let resource = world.ensure(&operation, &checkout(1)).await.resource;
        assert_eq!(resource.kind, kind);
        assert_eq!(resource.url, Some(format!("{base}/{page}")));
    }
}

#[tokio::test]
async fn operations_of_other_tools_are_refused() {
    let world = World::new().await;
    let operation = Operation::GitlabGroup {
        group: "payments".parse().unwrap(),
    };
    let context = context("payments/checkout", 1);
    permanent(&world.refusal(&operation, &context).await);
    use opstella_adapters::ToolAdapter;
    permanent(&world.adapter.remove(&operation, &context).await.unwrap_err());
}
