//! What people decide on promotions: no, never mind, other rules, an exception.

use serde_json::json;

use crate::world::World;

const UAT: &str = "promote payments/checkout 1.0.0 --to UAT --wait --timeout 60s";

#[tokio::test(flavor = "multi_thread")]
async fn a_no_ends_the_wait_and_time_ends_it_too() {
    let world = World::start().await;
    world.released_to_sit("1.0.0").await;
    let grace = world.shell("grace");

    // Nobody says anything.
    let blocked = grace
        .run("promote payments/checkout 1.0.0 --to UAT --wait --timeout 1s -o json")
        .await
        .ends(5)
        .tells(&["opstella promotions show payments/checkout/"])
        .json();
    let id = blocked["promotion"]["id"].as_str().unwrap().to_owned();
    // One at a time, and nobody says yes for somebody else.
    grace
        .run("promote payments/checkout 1.0.0 --to UAT")
        .await
        .ends(3)
        .tells(&[
            "the release is on its way there already",
            &format!("promotions show payments/checkout/{id}"),
        ]);
    grace.run(&format!("approve {id}")).await.ends(3).tells(&["403"]);
    world
        .shell("bob")
        .run("approvals")
        .await
        .ends(0)
        .shows(&[&id, "1.0.0", "UAT"]);
    grace
        .run(&format!("cancel {id} --reason 'not today'"))
        .await
        .ends(0)
        .shows(&["cancelled", "not today"]);
    // What is over stays so.
    let bob = world.shell("bob");
    bob.run(&format!("approve payments/checkout/{id}"))
        .await
        .ends(3)
        .tells(&["409"]);
    bob.run("approvals")
        .await
        .ends(0)
        .shows(&["nothing waits for your yes"]);

    // Somebody says no.
    world
        .while_waiting(UAT, "bob", "reject {} --reason 'it is broken'")
        .await
        .ends(1)
        .shows(&["rejected", "it is broken"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_set_and_excepted() {
    let world = World::start().await;
    world.release("1.0.0").await;
    let (root, carol, grace) = (world.shell("root"), world.shell("carol"), world.shell("grace"));
    grace.run("policies show --env UAT").await.ends(0).shows(&[
        "UAT of the platform, version 0",
        "quality gate",
        "1 of tester",
    ]);

    // A policy is set as it was shown, stricter.
    let mut policy = root.run("policies show --env SIT -o json").await.ends(0).json();
    policy["rules"]["max_high"] = json!(0);
    root.file("policy.json", &policy);
    grace.file("policy.json", &policy);
    grace
        .run("policies set policy.json --env SIT")
        .await
        .ends(3)
        .tells(&["403"]);
    root.run("policies set policy.json --env SIT")
        .await
        .ends(0)
        .shows(&["version 1"]);
    let set = grace.run("policies show --env SIT -o json").await.ends(0).json();
    assert_eq!(set["effective"]["max_high"], 0, "{set:#}");

    let release = "payments/checkout 1.0.0";
    let granted = carol
        .run(&format!(
            "waivers grant {release} --gate no-high-vulnerability --reason 'not reachable' --for 7d -o json"
        ))
        .await
        .ends(0)
        .json();
    let waiver = granted["waiver"]["id"].as_str().unwrap().to_owned();
    grace
        .run(&format!("releases show {release}"))
        .await
        .ends(0)
        .shows(&[&waiver, "not reachable"]);
    carol
        .run(&format!("waivers revoke {release} {waiver} --reason 'mended'"))
        .await
        .ends(0);
    grace
        .run(&format!("releases show {release}"))
        .await
        .ends(0)
        .shows(&["revoked 20"]);
    let longest = format!("waivers grant {release} --gate soaked --reason x --for 200d");
    carol.run(&longest).await.ends(3).tells(&["422"]);
}
