//! Nothing is lost while nobody executes runs, nor when the server stops in the middle of something.

use std::time::Duration;

use serde_json::json;

use crate::support::delivery::{Delivery, digest};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_decided_while_no_engine_runs_is_done_later() {
    let mut delivery = Delivery::start(&["DEV", "SIT"]).await;
    let tester = json!({"approvals": [{"roles": ["tester"], "people": 1}]});
    delivery.set_rules("SIT", tester).await;
    delivery.halt().await;
    delivery.serve(|config| config.engine.enabled = false).await;
    delivery.release("1.0.0").await;
    assert_eq!(delivery.cell("DEV").await["in_flight"], json!(null));
    delivery.halt().await;
    delivery.serve(|_| {}).await;
    delivery.arrives("DEV", "1.0.0").await;

    delivery.halt().await;
    delivery.serve(|config| config.engine.enabled = false).await;
    let sit = delivery.asked("SIT", "1.0.0").await;
    delivery.approve("bob", &sit).await.expect(200);
    delivery.becomes(&sit, "deploying").await;
    assert!(!delivery.runs("SIT").contains(&digest("1.0.0")));
    delivery.halt().await;
    delivery.serve(|_| {}).await;
    delivery.becomes(&sit, "completed").await;
    assert!(delivery.runs("SIT").ends_with(&digest("1.0.0")));
    delivery.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_release_goes_to_dev_whenever_the_server_stops() {
    let mut delivery = Delivery::start(&["DEV"]).await;
    for (number, pause) in [0, 120, 400, 900].into_iter().enumerate() {
        let version = format!("1.{number}.0");
        delivery.register(&version).await.expect(201);
        // Not a wait for anything: where the stop strikes is what differs.
        tokio::time::sleep(Duration::from_millis(pause)).await;
        delivery.halt().await;
        delivery.serve(|_| {}).await;
        delivery.arrives("DEV", &version).await;
        assert!(delivery.runs("DEV").ends_with(&digest(&version)));
    }
    delivery.stop().await;
}
