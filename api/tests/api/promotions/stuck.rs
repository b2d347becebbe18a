//! A deployment that waits for an operator says so.

use serde_json::json;

use crate::support::delivery::Delivery;

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_deployment_says_that_it_waits_for_an_operator() {
    let mut delivery = Delivery::start(&["DEV", "SIT"]).await;
    delivery.release_to_dev("1.0.0").await;
    delivery.halt().await;
    delivery
        .serve(|config| {
            config
                .credentials
                .insert("argocd".parse().unwrap(), "expired".into());
        })
        .await;
    let sit = delivery.asked("SIT", "1.0.0").await;
    let stuck = async || {
        let shown = delivery.get("root", &sit).await.body;
        (shown["run_status"] == "stuck").then_some(shown)
    };
    let shown = delivery.until("the run to be stuck", stuck).await;
    let words = shown["explanation"].to_string();
    assert!(
        words.contains("argocd.hold/api") && words.contains("waits for an operator"),
        "{words}"
    );
    assert!(!words.contains("is being deployed"), "{words}");
    let (run, step) = (shown["run"].as_str().unwrap(), shown["stuck_on"].clone());
    // Nobody walks around it.
    let skip = json!({"step": step, "reason": "it will be fine"});
    let refused = delivery
        .post("root", &format!("/runs/{run}/skip"), skip)
        .await
        .problem(409, "wrong-state");
    assert_eq!(
        refused.body["accepts"],
        json!(["RetryStep", "CancelRun", "AbandonRun"])
    );
    let run = run.to_owned();
    delivery.halt().await;
    delivery.serve(|_| {}).await;
    delivery
        .post("root", &format!("/runs/{run}/retry"), json!({"step": step}))
        .await
        .expect(200);
    delivery.becomes(&sit, "completed").await;
    delivery.stop().await;
}
