//! The end of a service, and one made anew under its name.

use serde_json::json;

use crate::support::delivery::{AUTHOR, CI, Delivery, SERVICE, commit, digest};

#[tokio::test(flavor = "multi_thread")]
async fn a_service_does_not_end_under_a_promotion_and_starts_anew_with_nothing() {
    let delivery = Delivery::start(&["DEV", "SIT"]).await;
    delivery.release("1.0.0").await;
    delivery.arrives("DEV", "1.0.0").await;
    let tester = json!({"approvals": [{"roles": ["tester"], "people": 1}]});
    delivery.set_rules("SIT", tester).await;
    let sit = delivery.asked("SIT", "1.0.0").await;
    let (end, why) = (format!("{SERVICE}/decommission"), json!({"reason": "replaced"}));
    let busy = delivery
        .post("alice", &end, why.clone())
        .await
        .problem(409, "wrong-state");
    assert!(
        busy.body["state"].as_str().unwrap().contains("into SIT"),
        "{:#}",
        busy.body
    );
    assert_eq!(busy.body["accepts"], json!(["CancelPromotion", "Reject"]));
    delivery
        .post("grace", &format!("{sit}/cancel"), why.clone())
        .await
        .expect(200);
    let ended = delivery.post("alice", &end, why).await.expect(202);
    delivery
        .ended(ended.body["run"].as_str().unwrap(), "succeeded")
        .await;

    delivery.make_service("checkout", &["DEV", "SIT"]).await;
    let cell = delivery.cell("DEV").await;
    assert_eq!(cell["release"], json!(null), "{cell:#}");
    let rollback = format!("{SERVICE}/promotions:rollback");
    let back = delivery
        .post(
            "grace",
            &rollback,
            json!({"environment": "DEV", "release": "1.0.0"}),
        )
        .await;
    // The releases of the other are none of this one's.
    back.problem(404, "not-found");
    delivery
        .promote("grace", "SIT", json!({"release": "1.0.0"}))
        .await
        .problem(404, "not-found");
    // Nor are its versions taken: pipelines count from 1 again.
    let harbor = &delivery.tools.harbor;
    let another = digest("another");
    let pushed = harbor
        .push("payments_checkout", "api", "1.0.0", &another)
        .unwrap();
    harbor.scanned(&pushed, json!({}));
    let image = json!({"name": "api", "digest": another, "commit": commit("another")});
    let release = json!({"version": "1.0.0", "author": AUTHOR, "components": [image]});
    let releases = format!("{SERVICE}/releases");
    delivery.post(CI, &releases, release).await.expect(201);
    let there = async || (delivery.cell("DEV").await["release"] == "1.0.0").then_some(());
    delivery.until("1.0.0 of the new service in DEV", there).await;
    assert!(
        delivery.runs("DEV").contains(&another),
        "{}",
        delivery.runs("DEV")
    );
    // Another version did not come to DEV here.
    let listed = delivery.get("root", &releases).await.expect(200);
    assert_eq!(
        listed.body["items"].as_array().unwrap().len(),
        1,
        "{:#}",
        listed.body
    );
    delivery.stop().await;
}
