//! The AppProject that the services of a project share.

use opstella_adapters::{Removed, ToolAdapter};
use opstella_domain::resource::Provenance;
use opstella_sandbox::Fault;
use serde_json::json;

use crate::support::{INSTALLATION, elsewhere};
use crate::world::{
    CLUSTER, PROJECT, World, adopting, application, checkout, context, decommissioning, project, transient,
};

#[tokio::test]
async fn it_permits_the_projects_repositories_and_namespaces_and_nothing_cluster_wide() {
    let world = World::new().await;
    world.ensure(&project(), &checkout(1)).await;
    let made = world.get(PROJECT).await;
    let spec = &made["spec"];
    assert_eq!(spec["sourceRepos"], json!(["https://git.example/payments/*"]));
    assert_eq!(
        spec["destinations"],
        json!([{ "server": CLUSTER, "namespace": "payments--*" }])
    );
    assert_eq!(spec["clusterResourceWhitelist"], json!([]));
    let kinds: Vec<_> = spec["namespaceResourceBlacklist"]
        .as_array()
        .unwrap()
        .iter()
        .map(|k| &k["kind"])
        .collect();
    assert_eq!(kinds, ["ResourceQuota", "LimitRange"]);
    assert!(
        spec["description"]
            .as_str()
            .unwrap()
            .contains("Managed by Opstella 00000000-0000-0000-0000-00000000000a: payments (run ")
    );
    assert_eq!(
        made["metadata"]["labels"],
        json!({ "app.kubernetes.io/managed-by": "opstella", "opstella.io/installation": INSTALLATION,
                "opstella.io/project": "payments" })
    );
    assert_eq!(
        made["metadata"]["annotations"],
        json!({ "opstella.io/run": "00000000-0000-0000-0000-000000000001" })
    );
}

#[tokio::test]
async fn two_services_may_make_it_at_once() {
    // The second looks before the first has made it, and is refused when it creates its own.
    let world = World::with_project().await;
    let missing = json!({ "error": "not found", "code": 5, "message": "appprojects.argoproj.io not found" });
    world.fault(
        Fault::on("argocd")
            .method("GET")
            .path(PROJECT)
            .status(404)
            .body(missing)
            .times(1),
    );
    let made = world.get("/api/v1/projects?name=payments").await["items"][0].clone();
    assert_eq!(
        world.provenance(&project(), &checkout(1)).await,
        Provenance::Existing
    );
    assert_eq!(world.get(PROJECT).await, made);

    let world = World::new().await;
    let contexts: Vec<_> = (1..=6)
        .map(|n| context(&format!("payments/service-{n}"), n))
        .collect();
    let operation = project();
    let all = contexts
        .iter()
        .map(|context| world.provenance(&operation, context));
    let provenances = futures::future::join_all(all).await;
    let created = provenances.iter().filter(|p| **p == Provenance::Created).count();
    assert_eq!(created, 1, "{provenances:?}");
    assert_eq!(world.state(), json!({ "projects": ["payments"] }));
}

#[tokio::test]
async fn what_drifted_is_mended_and_what_people_added_stays() {
    let world = World::new().await;
    world.ensure(&project(), &checkout(1)).await;
    let mut there = world.get(PROJECT).await;
    there["metadata"]["labels"]["team"] = json!("pay");
    there["spec"]["sourceRepos"] = json!(["https://charts.example/*"]);
    there["spec"]["destinations"] = json!([{ "server": CLUSTER, "namespace": "shared" }]);
    there["spec"]["description"] = json!("Ask Ann");
    there["spec"]["clusterResourceWhitelist"] = json!([{ "group": "", "kind": "Namespace" }]);
    there["spec"]["namespaceResourceBlacklist"] = json!(null);
    there["spec"]["roles"] = json!([{ "name": "ci" }]);
    world.put(PROJECT, &json!({ "project": there })).await;

    assert_eq!(
        world.provenance(&project(), &checkout(2)).await,
        Provenance::Existing
    );
    let mended = world.get(PROJECT).await;
    let spec = &mended["spec"];
    assert_eq!(
        spec["sourceRepos"],
        json!(["https://charts.example/*", "https://git.example/payments/*"])
    );
    let destinations = [("shared"), ("payments--*")].map(|n| json!({ "server": CLUSTER, "namespace": n }));
    assert_eq!(spec["destinations"], json!(destinations));
    assert_eq!(spec["description"], "Ask Ann");
    assert_eq!(spec["clusterResourceWhitelist"][0]["kind"], "Namespace");
    assert_eq!(spec["namespaceResourceBlacklist"].as_array().unwrap().len(), 2);
    assert_eq!(spec["roles"], json!([{ "name": "ci" }]));
    assert_eq!(mended["metadata"]["labels"]["team"], "pay");
    assert_eq!(
        mended["metadata"]["labels"]["app.kubernetes.io/managed-by"],
        "opstella"
    );
    let writes = world.writes();
    world.ensure(&project(), &checkout(2)).await;
    assert_eq!(world.writes(), writes);
}

#[tokio::test]
async fn a_concurrent_change_is_looked_at_again() {
    let world = World::new().await;
    world.ensure(&project(), &checkout(1)).await;
    let mut there = world.get(PROJECT).await;
    there["spec"]["sourceRepos"] = json!([]);
    world.put(PROJECT, &json!({ "project": there })).await;
    let modified = json!({ "error": "modified", "code": 10, "message": "the object has been modified" });
    let conflict = || {
        Fault::on("argocd")
            .method("PUT")
            .status(409)
            .body(modified.clone())
    };
    world.fault(conflict().times(2));
    assert_eq!(
        world.provenance(&project(), &checkout(1)).await,
        Provenance::Created
    );
    assert_eq!(
        world.get(PROJECT).await["spec"]["sourceRepos"]
            .as_array()
            .unwrap()
            .len(),
        1
    );

    let mut there = world.get(PROJECT).await;
    there["spec"]["sourceRepos"] = json!([]);
    world.put(PROJECT, &json!({ "project": there })).await;
    world.fault(conflict());
    transient(&world.refusal(&project(), &checkout(1)).await);
}

#[tokio::test]
async fn an_adopted_one_permits_ours_and_keeps_its_own_restrictions() {
    let world = World::new().await;
    let theirs = json!({ "metadata": { "name": "payments" },
                         "spec": { "description": "Theirs", "sourceRepos": ["https://theirs.example/*"] } });
    world
        .post("/api/v1/projects", &json!({ "project": theirs }))
        .await;
    world.ensure(&project(), &adopting(1)).await;
    let spec = &world.get(PROJECT).await["spec"];
    assert_eq!(spec["sourceRepos"].as_array().unwrap().len(), 2);
    assert_eq!(spec["description"], "Theirs");
    assert!(spec["namespaceResourceBlacklist"].is_null());
    assert_eq!(
        world.provenance(&application(), &checkout(1)).await,
        Provenance::Created
    );
}

#[tokio::test]
async fn it_stays_while_an_application_is_in_it() {
    let world = World::new().await;
    world.ensure(&project(), &checkout(1)).await;
    world.ensure(&application(), &checkout(1)).await;
    assert_eq!(world.remove(&project(), &checkout(1)).await, Removed::Kept);
    // One that our account does not see, or that was made since we looked.
    let none = json!({ "metadata": {}, "items": null });
    world.fault(
        Fault::on("argocd")
            .method("GET")
            .path("/api/v1/applications")
            .status(200)
            .body(none)
            .times(1),
    );
    assert_eq!(world.remove(&project(), &checkout(1)).await, Removed::Kept);
    let decommissioned = world.remove(&application(), &decommissioning(1)).await;
    assert_eq!(decommissioned, Removed::Deleted);
    assert_eq!(world.remove(&project(), &checkout(1)).await, Removed::Deleted);
    assert_eq!(world.state(), json!({}));
    assert_eq!(
        world.adapter.remove(&project(), &checkout(1)).await.unwrap(),
        Removed::Absent
    );
}

/// Another installation has a project of the same name, and an application of ours is in it as well: whoever of us leaves
/// last takes it not along, and not its marks.
#[tokio::test]
async fn one_of_another_installation_stays() {
    for adopt in [false, true] {
        let world = World::new().await;
        if adopt {
            let theirs = json!({ "metadata": { "name": "payments" }, "spec": {} });
            let body = json!({ "project": theirs });
            world.post("/api/v1/projects", &body).await;
        }
        let theirs = elsewhere(if adopt { adopting(1) } else { checkout(1) });
        world.ensure(&project(), &theirs).await;
        let before = world.get(PROJECT).await;
        for context in [checkout(1), decommissioning(1)] {
            world.ensure(&application(), &checkout(1)).await;
            assert_eq!(world.remove(&application(), &context).await, Removed::Deleted);
            assert_eq!(world.remove(&project(), &context).await, Removed::Kept);
        }
        assert_eq!(world.get(PROJECT).await, before);
    }
}
