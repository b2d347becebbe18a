//! Projects, services and runs.

use opstella_sandbox::Fault;

use crate::world::Empty;

const CREATE: &str = "services create payments/checkout --component api=http-service --env DEV,SIT";

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_made_and_shown() {
    let world = Empty::start().await;
    let alice = world.shell("alice");
    alice
        .run("projects list")
        .await
        .ends(0)
        .shows(&["you are in no project"]);
    alice
        .run("projects create payments --name Payments --description 'Takes the money'")
        .await
        .ends(0);
    alice
        .run("projects list")
        .await
        .ends(0)
        .shows(&["PROJECT", "payments", "Payments"]);
    alice
        .run("services list")
        .await
        .ends(0)
        .shows(&["there is no service"]);

    alice
        .run(&format!("{CREATE} --dry-run"))
        .await
        .ends(0)
        .shows(&["gitlab.group", "nothing was done"]);
    let made = alice
        .run(CREATE)
        .await
        .ends(0)
        .shows(&["service payments/checkout: succeeded"]);
    assert!(made.stderr.contains("done     gitlab.group"), "{made:#?}");
    alice
        .run(CREATE)
        .await
        .ends(3)
        .tells(&["name-taken", "payments/checkout"]);

    let all = alice.run("services list payments -o json").await.ends(0).json();
    assert_eq!(all[0]["lifecycle"], "active", "{all:#}");
    let run = all[0]["last_run"].as_str().unwrap();
    alice
        .run("services show payments/checkout")
        .await
        .ends(0)
        .shows(&[
            "payments/checkout: active",
            "http-service",
            "SIT",
            "1 × repository",
        ]);
    alice
        .run("services show payments/checkout --resources")
        .await
        .ends(0)
        .shows(&["payments/checkout_api", "repository", "registry-pull"]);
    let watched = alice
        .run(&format!("runs watch {run} -o json"))
        .await
        .ends(0)
        .json();
    assert_eq!(watched["status"], "succeeded", "{watched:#}");
    alice
        .run(&format!("runs watch {run}"))
        .await
        .ends(0)
        .shows(&["provision-service of payments/checkout: succeeded", "STEP"]);

    // Judy is in no project: others' do not exist for her.
    let judy = world.shell("judy");
    judy.run("services show payments/checkout")
        .await
        .ends(3)
        .tells(&["404"]);
    let nobody = "runs watch 019f2b7c-6c1e-7d52-9a55-0d1f6e0c4b11";
    alice.run(nobody).await.ends(3).tells(&["404"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_cannot_be_made_is_no_success() {
    let world = Empty::start().await;
    let refused = Fault::on("harbor")
        .method("POST")
        .path("/api/v2.0/projects")
        .status(422)
        .body(r#"{"errors":[{"code":"UNPROCESSABLE","message":"refused on purpose"}]}"#);
    world.process.sandbox.add_fault(refused).unwrap();
    let alice = world.shell("alice");
    alice.run("projects create payments").await.ends(0);
    let ran = alice.run(&format!("{CREATE} -o json")).await.ends(1).tells(&[
        "failed   harbor.project",
        "refused on purpose",
        "going back",
        "unmade",
    ]);
    let detail = ran.json()["run_detail"].clone();
    assert_eq!(detail["status"], "failed", "{detail:#}");
    let run = detail["id"].as_str().unwrap();
    alice
        .run(&format!("runs watch {run} --quiet"))
        .await
        .ends(1)
        .shows(&["failed", "refused on purpose"]);
    alice
        .run("services show payments/checkout")
        .await
        .ends(0)
        .shows(&["provisioning-failed", "because"]);
}
