//! Nothing is lost while nobody executes runs, nor when the server stops in the middle of something.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::time::Instant;

use crate::support::delivery::{Delivery, SERVICE, commit, digest};
use crate::support::process::Process;

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

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_deploys_on_when_it_is_back() {
    let mut process = Process::prepare().await;
    process.start().await;
    let run = process.ask_for_service().await;
    // It may not be in the read model yet.
    let made = async || {
        let shown = process.send(Method::GET, &run, None).await;
        (shown.body["status"] == "succeeded").then_some(())
    };
    patiently("the service", made).await;
    let pushed = json!({
        "project": "payments_checkout", "repository": "api", "digest": digest("1.0.0"), "tags": ["1.0.0"],
    });
    let harbor = format!("{}/_sandbox/harbor/artifacts", process.sandbox.url());
    let sent = process.http.post(harbor).json(&pushed).send().await.unwrap();
    assert!(sent.status().is_success());
    let image = json!({"name": "api", "digest": digest("1.0.0"), "commit": commit("1.0.0")});
    let release = json!({"version": "1.0.0", "author": "ivan", "components": [image]});
    let releases = format!("/api/v1{SERVICE}/releases");
    process
        .send(Method::POST, &releases, Some(release))
        .await
        .expect(201);
    let state = async |wanted: &str| {
        let page = process.get("/api/v1/promotions?environment=DEV").await;
        (page["items"][0]["state"] == wanted).then_some(())
    };
    patiently("the deployment to begin", async || state("deploying").await).await;
    process.kill();
    process.start().await;
    let state = async || {
        let page = process.get("/api/v1/promotions?environment=DEV").await;
        assert_eq!(page["items"].as_array().unwrap().len(), 1, "{page:#}");
        (page["items"][0]["state"] == "completed").then_some(())
    };
    patiently("the deployment to end", state).await;
}

async fn patiently(what: &str, mut look: impl AsyncFnMut() -> Option<()>) {
    let deadline = Instant::now() + Duration::from_secs(90);
    while look().await.is_none() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
