//! The way forward: who moves a release, and in which order.

use reqwest::Method;
use serde_json::json;

use crate::support::Answer;
use crate::support::delivery::{Delivery, SERVICE, digest};

#[tokio::test(flavor = "multi_thread")]
async fn a_release_goes_from_dev_to_uat() {
    let delivery = Delivery::start(&["DEV", "SIT", "UAT"]).await;
    delivery.release_to_dev("1.0.0").await;
    assert!(delivery.runs("DEV").ends_with(&digest("1.0.0")));
    let cell = delivery.cell("DEV").await;
    assert_eq!(
        (&cell["release"], &cell["health"]),
        (&json!("1.0.0"), &json!("healthy"))
    );

    let body = json!({"release": "1.0.0"});
    let skipping = delivery.promote("grace", "UAT", body.clone()).await;
    let skipping = skipping.problem(409, "wrong-state");
    assert_eq!(skipping.body["accepts"], json!(["PromoteToSit"]));
    delivery
        .promote("frank", "SIT", body.clone())
        .await
        .problem(403, "forbidden");
    delivery
        .promote("judy", "SIT", body.clone())
        .await
        .problem(404, "not-found");

    let sit = delivery.asked("SIT", "1.0.0").await;
    delivery.becomes(&sit, "completed").await;
    let uat = delivery.promote("alice", "UAT", body).await.expect(202);
    let uat = crate::support::delivery::path_of(&uat);
    delivery.becomes(&uat, "waiting").await;
    let own = delivery
        .approve("alice", &uat)
        .await
        .problem(422, "invalid-field");
    own.field("approver", "somebody else than who asked");
    delivery.approve("grace", &uat).await.problem(403, "forbidden");
    delivery.approve("judy", &uat).await.problem(404, "not-found");
    let approve = async || {
        let request = delivery.request("bob", Method::POST, &format!("{uat}/approve"));
        let request = request.header("Idempotency-Key", "yes-1").json(&json!({}));
        Answer::of(request.send().await.unwrap()).await
    };
    let first = approve().await.expect(200);
    delivery.becomes(&uat, "completed").await;
    assert!(delivery.runs("UAT").ends_with(&digest("1.0.0")));
    // It is over: the same request has the same answer, and another one is told that it is over.
    let again = approve().await.expect(200);
    assert_eq!(again.body, first.body);
    assert_eq!(again.header("idempotency-replayed"), "true");
    let late = delivery.approve("heidi", &uat).await.problem(409, "wrong-state");
    assert!(late.body["state"].as_str().unwrap().contains("over"));
    delivery.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_is_in_flight_and_the_next_ones_wait_in_order() {
    let delivery = Delivery::start(&["DEV", "SIT"]).await;
    let tester = json!({"approvals": [{"roles": ["tester"], "people": 1}]});
    delivery.set_rules("SIT", tester).await;
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        delivery.release_to_dev(version).await;
    }
    let first = delivery.asked("SIT", "1.0.0").await;
    delivery.becomes(&first, "waiting").await;
    let busy = delivery
        .promote("grace", "SIT", json!({"release": "1.1.0"}))
        .await;
    let busy = busy.problem(409, "wrong-state");
    assert!(busy.body["state"].as_str().unwrap().contains("when_busy"));
    let same = delivery
        .promote("grace", "SIT", json!({"release": "1.0.0"}))
        .await;
    let same = same.problem(409, "name-taken");
    assert_eq!(same.body["existing"], format!("/api/v1{first}"));

    let mut queued = Vec::new();
    for version in ["1.1.0", "1.2.0"] {
        let body = json!({"release": version, "when_busy": "queue"});
        let asked = delivery.promote("grace", "SIT", body).await.expect(202);
        let path = crate::support::delivery::path_of(&asked);
        delivery.becomes(&path, "queued").await;
        queued.push(path);
    }
    assert_eq!(delivery.cell("SIT").await["waiting"], 2);
    delivery
        .approve("bob", &queued[0])
        .await
        .problem(409, "wrong-state");
    let no = json!({"reason": "not this one"});
    delivery
        .post("bob", &format!("{first}/reject"), no.clone())
        .await
        .expect(200);
    delivery.becomes(&first, "rejected").await;
    delivery.becomes(&queued[0], "waiting").await;
    delivery.becomes(&queued[1], "queued").await;
    delivery.approve("bob", &queued[0]).await.expect(200);
    delivery.becomes(&queued[0], "completed").await;
    delivery.becomes(&queued[1], "waiting").await;
    delivery
        .post("grace", &format!("{}/cancel", queued[1]), no)
        .await
        .expect(200);
    delivery.becomes(&queued[1], "cancelled").await;
    assert_eq!(delivery.cell("SIT").await["release"], "1.1.0");
    let history = format!("{SERVICE}/environments/SIT/history");
    let history = delivery.get("frank", &history).await.expect(200);
    let states: Vec<_> = history.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| &p["state"])
        .collect();
    assert_eq!(states, ["cancelled", "completed", "rejected"]);
    delivery.stop().await;
}
