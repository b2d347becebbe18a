//! The way back, and what nobody asked for.

use opstella_commands::{CommandContext, Seen};
use opstella_domain::promotion::{EnvironmentKey, Health, ServiceEnvironment};
use serde_json::json;

use crate::support::delivery::{Delivery, SERVICE, digest, path_of};

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_goes_back() {
    let delivery = Delivery::start(&["DEV"]).await;
    delivery.release_to_dev("1.0.0").await;
    let rollback = format!("{SERVICE}/promotions:rollback");
    let nowhere = delivery
        .post("grace", &rollback, json!({"environment": "DEV"}))
        .await;
    nowhere
        .problem(422, "invalid-field")
        .field("release", "no release came to this environment before");
    delivery.release_to_dev("1.1.0").await;
    delivery
        .post("frank", &rollback, json!({"environment": "DEV"}))
        .await
        .problem(403, "forbidden");
    let back = delivery
        .post("grace", &rollback, json!({"environment": "DEV"}))
        .await;
    let back = path_of(&back.expect(202));
    let shown = delivery.becomes(&back, "completed").await;
    assert_eq!(
        (&shown["kind"], &shown["release"]),
        (&json!("rollback"), &json!("1.0.0"))
    );
    assert!(delivery.runs("DEV").ends_with(&digest("1.0.0")));
    assert_eq!(delivery.cell("DEV").await["release"], "1.0.0");
    // From there, the withdrawn release comes by a promotion or not at all.
    for body in [
        json!({"environment": "DEV"}),
        json!({"environment": "DEV", "release": "1.1.0"}),
    ] {
        let forward = delivery.post("grace", &rollback, body).await;
        forward.problem(422, "invalid-field").field("release", "promote");
    }
    let again = delivery.asked("DEV", "1.1.0").await;
    delivery.becomes(&again, "completed").await;
    delivery.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_deployment_is_undone() {
    let delivery = Delivery::start(&["DEV"]).await;
    delivery.release_to_dev("1.0.0").await;
    delivery
        .tools
        .argocd
        .judge(&digest("1.1.0"), "Degraded", "CrashLoopBackOff");
    delivery.release("1.1.0").await;
    let promotion = delivery.promotion_of("DEV", "1.1.0").await;
    let shown = delivery.becomes(&promotion, "rolled-back").await;
    assert!(
        shown["cause"].as_str().unwrap().contains("CrashLoop"),
        "{shown:#}"
    );
    assert_eq!(shown["back_to"], "1.0.0");
    assert!(delivery.runs("DEV").ends_with(&digest("1.0.0")));
    let cell = delivery.cell("DEV").await;
    assert_eq!(
        (&cell["release"], &cell["health"], &cell["drift"]),
        (&json!("1.0.0"), &json!("healthy"), &json!(null))
    );
    // What came after it is not held up.
    delivery.release_to_dev("1.2.0").await;
    delivery.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_deploys_is_seen_as_drift() {
    let delivery = Delivery::start(&["DEV"]).await;
    delivery.release_to_dev("1.0.0").await;
    let ours = delivery.runs("DEV");
    let put = async |image: &str| {
        let name = "payments--checkout--api--dev";
        let path = format!("/_sandbox/argocd/applications/{name}/images");
        let url = format!("{}{path}", delivery.sandbox.url());
        let body = json!({"images": [image]});
        let sent = reqwest::Client::new().post(url).json(&body).send().await.unwrap();
        assert!(sent.status().is_success());
    };
    put("registry.example/strange:latest").await;
    let drifted = async || {
        let drift = delivery.cell("DEV").await["drift"].clone();
        (!drift.is_null()).then_some(drift)
    };
    let drift = delivery.until("drift in the matrix", drifted).await;
    assert_eq!(drift["found"]["api"], "registry.example/strange:latest");
    put(&ours).await;
    let cleared = async || delivery.cell("DEV").await["drift"].is_null().then_some(());
    delivery.until("no drift in the matrix", cleared).await;
    delivery.stop().await;
}

/// A look that began before a deployment ended saw what the deployment passed through: it says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_seen_before_something_happened_is_no_drift() {
    let delivery = Delivery::start_with(&["DEV"], |config| config.engine.watch_seconds = 3600).await;
    delivery.release_to_dev("1.0.0").await;
    let state = delivery.serving().state();
    let key: EnvironmentKey = "payments/checkout/DEV".parse().unwrap();
    let version = async || {
        let loaded = state
            .journal
            .load_fresh::<ServiceEnvironment>(&key.to_string())
            .await;
        loaded.unwrap().version
    };
    let observe = async |version: u64| {
        let found = (
            "api".parse().unwrap(),
            ("registry.example/strange:latest".to_owned(), false),
        );
        let seen = Seen {
            version,
            found: [found].into(),
            health: Some(Health::Healthy),
        };
        let context = CommandContext::system("promoter", "test");
        state
            .commands
            .observe_environment(&context, &key, &seen)
            .await
            .unwrap();
    };
    let now = version().await;
    observe(now - 1).await;
    assert_eq!(version().await, now);
    observe(now).await;
    assert_eq!(
        version().await,
        now + 1,
        "what was seen of what runs now is drift"
    );
    delivery.stop().await;
}
