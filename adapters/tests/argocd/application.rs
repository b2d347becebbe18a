//! The Application of a component in an environment.

use opstella_adapters::{Removal, Removed, StepContext, ToolAdapter};
use opstella_domain::resource::Provenance;
use opstella_sandbox::Fault;
use serde_json::{Value, json};

use crate::support::INSTALLATION;
use crate::world::{
    APPLICATION, CLUSTER, PROJECT, World, adopting, application, checkout, context, decommissioning,
    others_application, permanent, project, transient,
};

const NAME: &str = "payments--checkout--api--dev";

async fn with_application() -> World {
    let world = World::with_neighbour().await;
    world.ensure(&application(), &checkout(1)).await;
    world
}

/// The application, as Argo CD shows it while it deletes its workloads.
async fn being_deleted(world: &World) -> Value {
    let mut there = world.get(APPLICATION).await;
    there["metadata"]["deletionTimestamp"] = json!("2026-11-24T10:00:00Z");
    there
}

#[tokio::test]
async fn it_deploys_the_folder_to_the_namespace_when_asked() {
    let world = with_application().await;
    let made = world.get(APPLICATION).await;
    assert_eq!(
        made["metadata"]["labels"],
        json!({ "app.kubernetes.io/managed-by": "opstella", "opstella.io/installation": INSTALLATION,
                "opstella.io/project": "payments", "opstella.io/service": "checkout" })
    );
    assert_eq!(
        made["metadata"]["annotations"],
        json!({ "opstella.io/run": "00000000-0000-0000-0000-000000000001" })
    );
    assert_eq!(
        made["metadata"]["finalizers"],
        json!(["resources-finalizer.argocd.argoproj.io"])
    );
    let spec = &made["spec"];
    assert_eq!(spec["project"], "payments");
    assert_eq!(
        spec["source"],
        json!({ "repoURL": "https://git.example/payments/checkout_api.git", "path": "deploy/dev",
                "targetRevision": "HEAD" })
    );
    assert_eq!(
        spec["destination"],
        json!({ "server": CLUSTER, "namespace": "payments--checkout--dev" })
    );
    // `enabled: false` would not do: Argo CD before 3.1 does not know it.
    assert_eq!(spec["syncPolicy"].get("automated"), None);
    assert_eq!(
        spec["syncPolicy"]["syncOptions"],
        json!(["CreateNamespace=false"])
    );
    assert!(spec["syncPolicy"]["retry"]["limit"].is_number());
}

#[tokio::test]
async fn what_drifted_is_mended_and_what_people_added_stays() {
    let world = with_application().await;
    let mut there = world.get(APPLICATION).await;
    there["metadata"]["finalizers"] = json!(["theirs.example/hold"]);
    there["metadata"]["annotations"]["notifications"] = json!("on");
    there["spec"]["source"]["path"] = json!("elsewhere");
    there["spec"]["source"]["kustomize"] = json!({ "images": ["api:1"] });
    there["spec"]["destination"] = json!({ "server": CLUSTER, "namespace": "payments--x" });
    there["spec"]["syncPolicy"] = json!({ "syncOptions": ["CreateNamespace=true", "ServerSideApply=true"] });
    there["spec"]["ignoreDifferences"] = json!([{ "kind": "Deployment" }]);
    world.put(APPLICATION, &there).await;

    assert_eq!(
        world.provenance(&application(), &checkout(2)).await,
        Provenance::Existing
    );
    let mended = world.get(APPLICATION).await;
    let finalizers = json!(["theirs.example/hold", "resources-finalizer.argocd.argoproj.io"]);
    assert_eq!(mended["metadata"]["finalizers"], finalizers);
    assert_eq!(mended["metadata"]["annotations"]["notifications"], "on");
    let run = "00000000-0000-0000-0000-000000000001";
    assert_eq!(mended["metadata"]["annotations"]["opstella.io/run"], run);
    let spec = &mended["spec"];
    assert_eq!(spec["source"]["path"], "deploy/dev");
    assert_eq!(spec["source"]["kustomize"], json!({ "images": ["api:1"] }));
    assert_eq!(spec["destination"]["namespace"], "payments--checkout--dev");
    let options = json!(["ServerSideApply=true", "CreateNamespace=false"]);
    assert_eq!(spec["syncPolicy"]["syncOptions"], options);
    // `enabled: false` would not do: Argo CD before 3.1 does not know it.
    assert_eq!(spec["syncPolicy"].get("automated"), None);
    assert_eq!(spec["ignoreDifferences"], json!([{ "kind": "Deployment" }]));
    let writes = world.writes();
    world.ensure(&application(), &checkout(2)).await;
    assert_eq!(world.writes(), writes);
}

/// By people, or by an Opstella that wrote `enabled: false`, which an older Argo CD passes over.
#[tokio::test]
async fn one_that_is_synced_without_being_asked_is_manual_again() {
    for automated in [json!({}), json!({ "enabled": false, "prune": true })] {
        let world = with_application().await;
        let mut there = world.get(APPLICATION).await;
        there["spec"]["syncPolicy"]["automated"] = automated;
        world.put(APPLICATION, &there).await;
        world.ensure(&application(), &checkout(2)).await;
        let policy = &world.get(APPLICATION).await["spec"]["syncPolicy"];
        assert_eq!(policy.get("automated"), None);
        assert_eq!(policy["syncOptions"], json!(["CreateNamespace=false"]));
    }
}

#[tokio::test]
async fn an_adopted_one_is_pointed_at_the_repository_and_synced_as_its_owner_chose() {
    let world = World::with_project().await;
    let theirs = json!({
        "metadata": { "name": NAME, "finalizers": ["theirs.example/hold"] },
        "spec": { "project": "payments", "destination": { "server": CLUSTER, "namespace": "payments--x" },
                  "sources": [{ "repoURL": "https://git.example/payments/x", "path": "x" }],
                  "syncPolicy": { "automated": { "prune": true } } },
    });
    world.post("/api/v1/applications", &theirs).await;
    assert_eq!(
        world.provenance(&application(), &adopting(1)).await,
        Provenance::Adopted
    );
    let adopted = world.get(APPLICATION).await;
    assert_eq!(adopted["metadata"]["finalizers"], json!(["theirs.example/hold"]));
    assert!(adopted["spec"]["sources"].is_null());
    let policy = json!({ "automated": { "prune": true } });
    assert_eq!(adopted["spec"]["syncPolicy"], policy);
    assert_eq!(adopted["spec"]["source"]["path"], "deploy/dev");
}

#[tokio::test]
async fn a_project_that_another_run_deleted_is_made_again() {
    // A run of another service makes the project, ours finds it, and the other one unwinds.
    let world = World::new().await;
    let other = context("payments/other", 99);
    world.ensure(&project(), &other).await;
    assert_eq!(
        world.provenance(&project(), &checkout(1)).await,
        Provenance::Existing
    );
    let before = world.get(PROJECT).await;
    assert_eq!(world.remove(&project(), &other).await, Removed::Deleted);
    assert_eq!(world.state(), json!({}));
    assert_eq!(
        world.provenance(&application(), &checkout(1)).await,
        Provenance::Created
    );
    assert_eq!(
        world.get(PROJECT).await["spec"]["sourceRepos"],
        before["spec"]["sourceRepos"]
    );
    assert_eq!(
        world.get(PROJECT).await["spec"]["destinations"],
        before["spec"]["destinations"]
    );
    // Its own step found the project: nobody but the application's undoing takes it away.
    assert_eq!(world.remove(&application(), &checkout(1)).await, Removed::Deleted);
    assert_eq!(world.state(), json!({}));
    assert_eq!(world.remove(&application(), &checkout(1)).await, Removed::Absent);
}

#[tokio::test]
async fn a_project_that_is_deleted_while_the_application_is_made_is_made_again() {
    let world = World::new().await;
    let missing = json!({ "error": "not found", "code": 5, "message": "appprojects.argoproj.io not found" });
    // It was there when we looked, and is not when the application is created.
    let there = json!({ "metadata": { "name": "payments" }, "spec": {} });
    let looked = Fault::on("argocd")
        .method("GET")
        .path(PROJECT)
        .status(200)
        .body(there);
    world.fault(looked.times(1));
    transient(&world.refusal(&application(), &checkout(1)).await);
    world.ensure(&application(), &checkout(1)).await;
    assert_eq!(world.state()["projects"], json!(["payments"]));

    // It was there when the application was created, and is not afterwards.
    let world = World::with_project().await;
    let gone = Fault::on("argocd")
        .method("GET")
        .path(PROJECT)
        .status(404)
        .body(missing);
    world.fault(gone.skip(1).times(2));
    world.ensure(&application(), &checkout(1)).await;
    let posts = world.sandbox.exchanges().into_iter();
    let posts = posts.filter(|e| e.method == http::Method::POST && e.path.ends_with("/projects"));
    assert_eq!(posts.count(), 2, "once by the other service, once again");
}

#[tokio::test]
async fn a_run_that_unwinds_leaves_the_project_to_whoever_is_in_it() {
    let world = with_application().await;
    assert_eq!(world.remove(&application(), &checkout(1)).await, Removed::Deleted);
    assert_eq!(world.state()["projects"], json!(["payments"]));
    // Decommissioning leaves the project also when nobody is in it.
    let end = StepContext {
        removal: Removal::Service,
        ..context("payments/other", 100)
    };
    assert_eq!(world.remove(&others_application(), &end).await, Removed::Deleted);
    assert_eq!(world.state(), json!({ "projects": ["payments"] }));
}

#[tokio::test]
async fn a_run_that_unwinds_leaves_a_project_that_is_not_opstellas() {
    let world = World::new().await;
    let theirs = json!({ "metadata": { "name": "payments" }, "spec": { "sourceRepos": ["*"],
                         "destinations": [{ "server": CLUSTER, "namespace": "*" }] } });
    world
        .post("/api/v1/projects", &json!({ "project": theirs }))
        .await;
    for adopted in [false, true] {
        if adopted {
            world.ensure(&project(), &adopting(1)).await;
        }
        world.ensure(&application(), &checkout(1)).await;
        assert_eq!(world.remove(&application(), &checkout(1)).await, Removed::Deleted);
        assert_eq!(world.state(), json!({ "projects": ["payments"] }));
    }
}

#[tokio::test]
async fn a_refusal_is_passed_on_in_argo_cds_words() {
    let world = World::with_project().await;
    let mut narrow = world.get(PROJECT).await;
    narrow["spec"]["sourceRepos"] = json!([]);
    world.put(PROJECT, &json!({ "project": narrow })).await;
    let message = permanent(&world.refusal(&application(), &checkout(1)).await);
    assert!(
        message.contains("is not permitted in project 'payments'"),
        "{message}"
    );
}

#[tokio::test]
async fn one_that_is_in_another_project_is_refused_and_removed_where_it_is() {
    let world = with_application().await;
    let mut moved = world.get(APPLICATION).await;
    moved["spec"]["project"] = json!("default");
    world.put(APPLICATION, &moved).await;
    let message = permanent(&world.refusal(&application(), &checkout(1)).await);
    assert!(
        message.contains(NAME) && message.contains("in the project `default`"),
        "{message}"
    );
    assert_eq!(world.remove(&application(), &checkout(2)).await, Removed::Kept);
    assert_eq!(
        world.remove(&application(), &decommissioning(2)).await,
        Removed::Deleted
    );
    assert_eq!(
        world.state(),
        json!({ "applications": ["payments--other--api--dev"], "projects": ["payments"] })
    );
}

#[tokio::test]
async fn a_deletion_is_waited_for() {
    let world = with_application().await;
    let deleting = being_deleted(&world).await;
    let showing = || {
        Fault::on("argocd")
            .method("GET")
            .path(APPLICATION)
            .status(200)
            .body(deleting.clone())
    };
    world.fault(showing().skip(1).times(2));
    assert_eq!(world.remove(&application(), &checkout(1)).await, Removed::Deleted);
    assert_eq!(world.sandbox.faults_hit(), 2);
    let deletions = world
        .sandbox
        .exchanges()
        .into_iter()
        .filter(|e| e.method == http::Method::DELETE);
    let queries: Vec<_> = deletions.map(|e| e.query).collect();
    let pairs = [
        ("project", "payments"),
        ("cascade", "true"),
        ("propagationPolicy", "foreground"),
    ];
    assert_eq!(queries, [pairs.map(|(k, v)| (k.to_owned(), v.to_owned()))]);
}

#[tokio::test]
async fn a_deletion_that_takes_too_long_is_left_to_a_later_attempt() {
    let world = with_application().await;
    let deleting = being_deleted(&world).await;
    world.fault(
        Fault::on("argocd")
            .method("GET")
            .path(APPLICATION)
            .status(200)
            .body(deleting),
    );
    let error = world
        .adapter
        .remove(&application(), &checkout(1))
        .await
        .unwrap_err();
    assert_eq!(transient(&error), None);
    assert!(error.to_string().contains("still being deleted"), "{error}");
    // What goes away is neither reported as there nor brought up to date.
    let error = world.refusal(&application(), &checkout(1)).await;
    assert_eq!(transient(&error), None);
    assert!(error.to_string().contains("still being deleted"), "{error}");
    // Nobody asks for a deletion twice.
    assert!(
        !world
            .sandbox
            .exchanges()
            .iter()
            .any(|e| e.method == http::Method::DELETE)
    );
    world.sandbox.clear_faults();
    assert_eq!(world.remove(&application(), &checkout(1)).await, Removed::Deleted);
    assert_eq!(
        world.provenance(&project(), &checkout(1)).await,
        Provenance::Existing
    );
}
