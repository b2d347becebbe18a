//! The end of a service, and one made anew under its name.

use serde_json::json;

use crate::support::delivery::{Delivery, SERVICE};

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
    back.problem(422, "invalid-field");
    // What ran in the other's DEV did not run in this one's.
    let skipping = delivery
        .promote("grace", "SIT", json!({"release": "1.0.0"}))
        .await;
    assert_eq!(
        skipping.problem(409, "wrong-state").body["accepts"],
        json!(["PromoteToDev"])
    );
    delivery.release_to_dev("2.0.0").await;
    assert_eq!(delivery.cell("DEV").await["release"], "2.0.0");
    delivery.stop().await;
}
