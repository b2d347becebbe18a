//! A release on its way, and back.

use crate::support::delivery::commit;
use crate::world::World;

const NOT_WAITING: &str = "promote payments/checkout 1.0.0 --to SIT";

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_promoted_and_taken_back() {
    let world = World::start().await;
    world.release("1.0.0").await;
    world.delivery.arrives("DEV", "1.0.0").await;
    let grace = world.shell("grace");
    grace
        .run("releases list payments/checkout")
        .await
        .ends(0)
        .shows(&["1.0.0", "DEV"]);
    grace
        .run("releases show payments/checkout 1.0.0")
        .await
        .ends(0)
        .shows(&[
            "payments/checkout 1.0.0: sealed",
            &commit("1.0.0")[..12],
            "quality-gate",
            "image-scan",
            "uploaded",
            "passed",
            "completed",
        ]);

    // It is complete, so that there is nothing left to seal.
    let seal = "releases seal payments/checkout 1.0.0";
    grace.run(seal).await.ends(0).shows(&["1.0.0 is sealed"]);

    // To SIT nobody has to say yes.
    grace
        .run(&format!("{NOT_WAITING} --check"))
        .await
        .ends(0)
        .shows(&["could go to SIT now"]);
    let ran = grace
        .run("promote payments/checkout 1.0.0 --to SIT --wait --timeout 60s -o json")
        .await
        .ends(0)
        .tells(&["promotion payments/checkout/", "done     argocd.sync"]);
    let promotion = ran.json()["promotion"].clone();
    assert_eq!(promotion["state"], "completed", "{promotion:#}");
    let run = promotion["run"].as_str().unwrap();
    grace
        .run(&format!("runs watch {run}"))
        .await
        .ends(0)
        .shows(&["promote of payments/checkout", "succeeded"]);
    let line = grace.run("matrix --project payments").await.ends(0).stdout;
    assert_eq!(line.matches("1.0.0").count(), 2, "{line}");

    // To UAT a tester has to.
    let uat = "promote payments/checkout 1.0.0 --to UAT";
    grace
        .run(&format!("{uat} --check"))
        .await
        .ends(5)
        .shows(&["could not go to UAT now", "tester"]);
    let ran = world
        .while_waiting(
            &format!("{uat} --wait --timeout 60s"),
            "bob",
            "approve {} --comment 'looks good'",
        )
        .await
        .ends(0)
        .shows(&["promotion of 1.0.0 to UAT: completed"])
        // That it waits is told only where bob is slower than the first look.
        .tells(&["promotion of 1.0.0 to UAT: ", "done     argocd.sync"]);
    let named = ran.stderr.lines().next().unwrap().replace("promotion ", "");
    grace
        .run(&format!("promotions show {named}"))
        .await
        .ends(0)
        .shows(&["looks good", "tester", "GATE", "opstella runs watch"]);
    grace
        .run("promotions list payments/checkout --state completed")
        .await
        .ends(0)
        .shows(&[&named]);

    // The next release comes to DEV, and goes again.
    world.release("1.1.0").await;
    world.delivery.arrives("DEV", "1.1.0").await;
    grace
        .run("rollback payments/checkout --env DEV --wait --timeout 60s")
        .await
        .ends(0)
        .shows(&["rollback of DEV to 1.0.0: completed"]);
    let matrix = grace.run("matrix -o json").await.ends(0).json();
    assert_eq!(matrix[0]["environments"][0]["release"], "1.0.0", "{matrix:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_skips_no_environment() {
    let world = World::start().await;
    world.release("1.0.0").await;
    world.delivery.arrives("DEV", "1.0.0").await;
    let grace = world.shell("grace");
    let ran = grace
        .run("promote payments/checkout 1.0.0 --to UAT --wait --timeout 1s -o json")
        .await;
    // Asked for it may be; it waits until the release is in SIT.
    assert!(matches!(ran.code, 3 | 5), "{ran:#?}");
    grace
        .run("promote payments/checkout 9.9.9 --to SIT --wait")
        .await
        .ends(3)
        .tells(&["9.9.9"]);
    // No environment of this service.
    grace
        .run("promote payments/checkout 1.0.0 --to PRD")
        .await
        .ends(3)
        .tells(&["PRD"]);
    // Frank may look only.
    world
        .shell("frank")
        .run(NOT_WAITING)
        .await
        .ends(3)
        .tells(&["403"]);
}
