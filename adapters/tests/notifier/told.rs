//! Receivers are told of what they subscribed to, so that they can believe it.

use std::process::Stdio;

use chrono::{DateTime, Utc};
use opstella_domain::subscription::SubscriptionCommand;
use tokio::io::AsyncWriteExt;

use crate::receiver::{Receiver, Reply, verify};
use crate::world::{World, key, secret};

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_gets_signed_cloud_events_of_what_it_wants() {
    let world = World::new().await;
    let (ours, platform) = (Receiver::start().await, Receiver::start().await);
    let process = world.process().await;
    world
        .subscribe("payments/chat", &ours.url(), &["Project.RoleGranted", "Run.*"])
        .await;
    world.subscribe("all", &platform.url(), &["*"]).await;
    // Of another project, and of no interest.
    world.project("ledger").await;
    let id = world.grant("bob").await;

    let request = ours.received(1).await.remove(0);
    assert!(
        request.head.starts_with("POST /hook HTTP/1.1"),
        "{}",
        request.head
    );
    assert_eq!(
        request.header("content-type"),
        "application/cloudevents+json; charset=utf-8"
    );
    assert_eq!(request.header("webhook-id"), id);
    let sent: i64 = request.header("webhook-timestamp").parse().unwrap();
    assert!((Utc::now().timestamp() - sent).abs() < 60);
    verify(&request, &secret("payments/chat", 1)).unwrap();
    verify(&request, &secret("all", 1)).unwrap_err();
    verify(&request, &secret("payments/chat", 2)).unwrap_err();
    let mut forged = request.clone();
    forged.body.push(b' ');
    verify(&forged, &secret("payments/chat", 1)).unwrap_err();

    let event = request.json();
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["id"], id);
    assert_eq!(event["source"], "https://opstella.example");
    assert_eq!(event["type"], "opstella.Project.RoleGranted");
    assert_eq!(event["subject"], "payments");
    assert!(event["time"].as_str().unwrap().parse::<DateTime<Utc>>().is_ok());
    assert_eq!(event["datacontenttype"], "application/json");
    assert_eq!(event["data"]["payload"]["RoleGranted"]["member"], "bob");
    assert_eq!(event["data"]["actor"]["subject"], "system:test");

    let types: Vec<_> = platform
        .received(2)
        .await
        .iter()
        .map(|r| r.event_type())
        .collect();
    assert_eq!(
        types,
        ["opstella.Project.ProjectCreated", "opstella.Project.RoleGranted"]
    );
    let all = world.until("payments/chat", &["delivered"]).await;
    assert_eq!((all[0].attempts, all[0].last_status), (1, Some(204)));
    assert_eq!(ours.requests().len(), 1);
    process.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_2xx_will_do_whatever_the_body_is() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let page = "<!doctype html><h1>Welcome</h1>".repeat(100_000);
    receiver.usually(Reply::Full(200, "content-type: text/html\r\n", page));
    let process = world.process().await;
    world.subscribe("chat", &receiver.url(), &["Project.*"]).await;
    world.grant("bob").await;
    world.grant("carol").await;
    world.until("chat", &["delivered", "delivered"]).await;
    assert_eq!(receiver.requests().len(), 2);
    process.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_rotation_both_secrets_sign_for_a_while() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let process = world.process().await;
    world.subscribe("chat", &receiver.url(), &["Project.*"]).await;
    let rotate = |overlap_hours| SubscriptionCommand::RotateSecret {
        key: key("chat"),
        at: Utc::now(),
        overlap_hours,
    };
    world.send(rotate(24)).await;
    world.grant("bob").await;
    let request = receiver.received(1).await.remove(0);
    verify(&request, &secret("chat", 1)).unwrap();
    verify(&request, &secret("chat", 2)).unwrap();
    world.send(rotate(0)).await;
    world.grant("carol").await;
    let request = receiver.received(2).await.remove(1);
    verify(&request, &secret("chat", 2)).unwrap_err();
    verify(&request, &secret("chat", 3)).unwrap();
    process.end().await;
}

/// The example in docs/notifications.md, as it is written there.
#[tokio::test(flavor = "multi_thread")]
async fn the_documented_example_tells_true_from_false() {
    if std::env::var_os("OPSTELLA_SKIP_PYTHON").is_some() {
        return;
    }
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let process = world.process().await;
    world.subscribe("chat", &receiver.url(), &["Project.*"]).await;
    world.grant("bob").await;
    let request = receiver.received(1).await.remove(0);
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/notifications.md");
    let document = std::fs::read_to_string(document).unwrap();
    let example = document.split("```python\n").nth(1).unwrap();
    let example = example.split("```").next().unwrap();
    for (secret, told) in [(secret("chat", 1), "True"), (secret("chat", 2), "False")] {
        let headers = serde_json::to_string(&request.headers).unwrap();
        let program = format!(
            "{example}\nimport json, sys\nprint(genuine({secret:?}, json.loads({headers:?}), sys.stdin.buffer.read()))\n"
        );
        let mut python = tokio::process::Command::new("python3")
            .args(["-c", &program])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        python
            .stdin
            .take()
            .unwrap()
            .write_all(&request.body)
            .await
            .unwrap();
        let output = python.wait_with_output().await.unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), told);
    }
    process.end().await;
}
