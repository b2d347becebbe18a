//! Subscriptions over the API, from the first ping to the last dead letter.

use reqwest::Method;
use serde_json::{Value, json};

use crate::receiver::{Receiver, Reply, verify};
use crate::support::{Answer, Server, eventually};

const PROJECT: &str = "?project=payments";

async fn start() -> Server {
    start_with(true).await
}

async fn start_with(private: bool) -> Server {
    let server = Server::start_with(|config| {
        config.notifications.allow_http = true;
        config.notifications.allow_private = private;
        config.notifications.max_attempts = 1;
    })
    .await;
    let made = json!({"slug": "payments", "name": "Payments"});
    server.post("/projects", made).await.expect(201);
    server
}

fn chat(receiver: &Receiver) -> Value {
    json!({"name": "chat", "url": receiver.url(), "events": ["Project.*"]})
}

async fn send(server: &Server, method: Method, path: &str, body: Value) -> Answer {
    let sent = server.request(method, path).json(&body).send().await.unwrap();
    Answer::of(sent).await
}

async fn grant(server: &Server, member: &str) -> String {
    let body = json!({"member": member, "role": "viewer"});
    let granted = server.post("/projects/payments/members", body).await.expect(200);
    granted.body["position"].as_str().unwrap().to_owned()
}

/// The deliveries in this state, once there are so many.
async fn in_state(server: &Server, state: &str, count: usize) -> Vec<Value> {
    let path = format!("/subscriptions/chat/deliveries{PROJECT}&state={state}");
    eventually(state, async || {
        // The read model may not know the subscription yet.
        let found = server.get(&path).await;
        let items = found.body["items"].as_array()?.clone();
        (items.len() == count).then_some(items)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_subscribes_and_is_told() {
    let server = start().await;
    let receiver = Receiver::start().await;
    let path = format!("/subscriptions{PROJECT}");
    let made = server.post(&path, chat(&receiver)).await.expect(201);
    assert_eq!(
        made.header("location"),
        "/api/v1/subscriptions/chat?project=payments"
    );
    assert_eq!(made.body["resource"], made.header("location"));
    assert_eq!(made.header("cache-control"), "no-store");
    assert_eq!(made.header("etag"), "\"1\"");
    let secret = made.body["secret"].as_str().unwrap().to_owned();

    let pinged = server
        .post(&format!("/subscriptions/chat/ping{PROJECT}"), json!({}))
        .await
        .expect(202);
    let ping = receiver.received(1).await.remove(0);
    assert_eq!(ping.header("webhook-id"), pinged.header("x-opstella-position"));
    verify(&ping, &secret).unwrap();

    let id = grant(&server, "bob").await;
    let told = receiver.received(2).await.remove(1);
    assert_eq!(told.header("webhook-id"), id);
    assert_eq!(told.json()["source"], "http://127.0.0.1:8080");
    verify(&told, &secret).unwrap();
    let delivered = in_state(&server, "delivered", 2).await;
    assert_eq!(delivered[0]["id"], id);
    assert_eq!(delivered[0]["event_type"], "opstella.Project.RoleGranted");

    let one = format!("/subscriptions/chat{PROJECT}");
    let read = server.get(&format!("{one}&after={id}")).await.expect(200);
    assert_eq!(read.body["events"], json!(["Project.*"]));
    assert_eq!(
        (&read.body["waiting"], &read.body["dead"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(read.body["enabled"], true);
    let list = server.get(&path).await.expect(200);
    assert_eq!(list.body["items"][0]["name"], "chat");
    let platform = server.get("/subscriptions").await.expect(200);
    assert_eq!(platform.body["items"], json!([]));
    let metrics = server.get("//metrics").await.expect(200);
    let metrics = metrics.body.as_str().unwrap();
    assert!(
        metrics.contains("opstella_notifications_total{outcome=\"delivered\"}"),
        "{metrics}"
    );

    // Nobody is shown the secret again: not here, not in events, not in the audit log.
    let bare = secret.strip_prefix("whsec_").unwrap();
    let mut shown = read.body.to_string() + &list.body.to_string();
    let events = server.get("/events?project=payments&limit=200").await.expect(200);
    let events = events.body["items"].as_array().unwrap().clone();
    assert!(
        events
            .iter()
            .any(|event| event["event_type"] == "SubscriptionCreated")
    );
    for event in events {
        let path = format!("/events/{}", event["position"].as_str().unwrap());
        shown += &server.get(&path).await.expect(200).body.to_string();
    }
    assert!(!shown.contains(bare) && !shown.contains("whsec"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_is_answered_with_the_same_secret() {
    let server = start().await;
    let receiver = Receiver::start().await;
    let send = async || {
        let request = server.request(Method::POST, "/subscriptions");
        let request = request.header("Idempotency-Key", "one").json(&chat(&receiver));
        Answer::of(request.send().await.unwrap()).await.expect(201)
    };
    let (first, second) = (send().await, send().await);
    assert_eq!(second.header("idempotency-replayed"), "true");
    assert_eq!(first.body["secret"], second.body["secret"]);
    let rotated = server
        .post("/subscriptions/chat/rotate-secret", json!({"overlap_hours": 1}))
        .await
        .expect(200);
    assert_ne!(rotated.body["secret"], first.body["secret"]);
    let (old, new) = (first.body["secret"].as_str(), rotated.body["secret"].as_str());
    server
        .post("/subscriptions/chat/ping", json!({}))
        .await
        .expect(202);
    let ping = receiver.received(1).await.remove(0);
    verify(&ping, old.unwrap()).unwrap();
    verify(&ping, new.unwrap()).unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_listed_and_replayed() {
    let server = start().await;
    let receiver = Receiver::start().await;
    receiver.usually(Reply::Status(500));
    server
        .post(&format!("/subscriptions{PROJECT}"), chat(&receiver))
        .await
        .expect(201);
    let first = grant(&server, "bob").await;
    in_state(&server, "dead", 1).await;
    // The next one waits until the receiver may be tried again: its first pause is of seconds.
    let dead = format!("/subscriptions/chat/dead-letters{PROJECT}");
    let found = server.get(&dead).await.expect(200);
    assert_eq!(found.body["items"][0]["id"], first);
    assert_eq!(found.body["items"][0]["last_status"], 500);
    server
        .post(
            &format!("/subscriptions/chat/dead-letters/1-1/replay{PROJECT}"),
            json!({}),
        )
        .await
        .problem(404, "not-found");
    server
        .post(
            &format!("/subscriptions/chat/dead-letters/x/replay{PROJECT}"),
            json!({}),
        )
        .await
        .problem(400, "invalid-parameter");

    let second = {
        server
            .post(
                &format!("/subscriptions/chat/dead-letters/{first}/replay{PROJECT}"),
                json!({}),
            )
            .await
            .expect(202);
        in_state(&server, "dead", 1).await;
        receiver.received(2).await;
        grant(&server, "carol").await
    };
    in_state(&server, "dead", 2).await;
    let page = server.get(&format!("{dead}&limit=1")).await.expect(200);
    assert_eq!(page.body["items"][0]["id"], second);
    let next = page.body["next"]
        .as_str()
        .unwrap()
        .strip_prefix("/api/v1")
        .unwrap();
    let page = server.get(next).await.expect(200);
    assert_eq!(page.body["items"][0]["id"], first);
    assert!(page.body.get("next").is_none());
    let one = server
        .get(&format!("/subscriptions/chat{PROJECT}"))
        .await
        .expect(200);
    assert_eq!(one.body["dead"], 2);

    receiver.usually(Reply::Status(200));
    let all = format!("/subscriptions/chat/dead-letters/replay{PROJECT}");
    let replayed = server.post(&all, json!({})).await.expect(202);
    in_state(&server, "delivered", 2).await;
    // Who replayed what is on record.
    let state = server.serving.as_ref().unwrap().state();
    let position = replayed.header("x-opstella-position").parse().unwrap();
    let wait = state
        .projections
        .wait_for(&["audit"], position, crate::support::PATIENCE);
    wait.await.unwrap();
    for command in ["ReplayDeadLetters", "ReplayDeadLetter"] {
        let events = server
            .get(&format!("/events?project=payments&command={command}"))
            .await
            .expect(200);
        assert_eq!(events.body["items"][0]["event_type"], "DeadLettersReplayed");
        assert_eq!(events.body["items"][0]["actor_name"], "root");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_are_changed_switched_off_and_deleted() {
    let server = start().await;
    let receiver = Receiver::start().await;
    let made = server.post("/subscriptions", chat(&receiver)).await.expect(201);
    let taken = server
        .post("/subscriptions", chat(&receiver))
        .await
        .problem(409, "name-taken");
    assert_eq!(taken.body["existing"], "/api/v1/subscriptions/chat");
    let body = json!({"url": receiver.url(), "events": ["*"]});
    let changed = send(&server, Method::PUT, "/subscriptions/chat", body)
        .await
        .expect(200);
    assert_eq!(changed.body["version"], 2);
    let stale = server
        .request(Method::DELETE, "/subscriptions/chat")
        .header("If-Match", made.header("etag"))
        .json(&json!({}));
    Answer::of(stale.send().await.unwrap())
        .await
        .problem(412, "version-mismatch");
    server
        .post("/subscriptions/chat/disable", json!({"reason": "moving house"}))
        .await
        .expect(200);
    let refused = server
        .post("/subscriptions/chat/ping", json!({}))
        .await
        .problem(409, "wrong-state");
    assert_eq!(refused.body["accepts"], json!(["EnableSubscription"]));
    let enabled = server
        .post("/subscriptions/chat/enable", json!({}))
        .await
        .expect(200);
    let after = enabled.header("x-opstella-position");
    let read = server
        .get(&format!("/subscriptions/chat?after={after}"))
        .await
        .expect(200);
    assert_eq!(
        (&read.body["enabled"], &read.body["events"]),
        (&json!(true), &json!(["*"]))
    );
    let gone = send(&server, Method::DELETE, "/subscriptions/chat", json!({}))
        .await
        .expect(200);
    let after = gone.header("x-opstella-position");
    server
        .get(&format!("/subscriptions/chat?after={after}"))
        .await
        .problem(404, "not-found");
    for (method, path) in [
        (Method::DELETE, "/subscriptions/chat"),
        (Method::POST, "/subscriptions/chat/ping"),
    ] {
        send(&server, method, path, json!({}))
            .await
            .problem(404, "not-found");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_subscribed_to_is_refused() {
    let server = start_with(false).await;
    let subscribe = async |name: &str, url: &str, events: Value| {
        let body = json!({"name": name, "url": url, "events": events});
        server.post("/subscriptions", body).await
    };
    let fine = "https://chat.example.com/hook";
    for (url, events, field, rule) in [
        (
            "https://u:p@chat.example.com",
            json!(["*"]),
            "url",
            "without user",
        ),
        (
            "https://chat.example.com?t=1",
            json!(["*"]),
            "url",
            "without user",
        ),
        ("ftp://chat.example.com", json!(["*"]), "url", "https URL"),
        (fine, json!([]), "events", "1 to 50"),
        (
            fine,
            json!(["Run.RunStucked"]),
            "events[0]",
            "no event RunStucked",
        ),
        (
            fine,
            json!(["Run"]),
            "events[0]",
            "Environment.PromotionCompleted",
        ),
    ] {
        subscribe("chat", url, events)
            .await
            .problem(422, "invalid-field")
            .field(field, rule);
    }
    subscribe("Chat", fine, json!(["*"]))
        .await
        .problem(422, "invalid-field");
    let nowhere = json!({"name": "chat", "url": fine, "events": ["*"]});
    server
        .post("/subscriptions?project=nothing", nowhere)
        .await
        .problem(404, "not-found");
    server
        .get("/subscriptions?project=nothing")
        .await
        .problem(404, "not-found");
    server
        .get("/subscriptions?project=payments&project=other")
        .await
        .problem(400, "invalid-parameter");
    // Our own network is not called into, and the answer says what to do.
    let receiver = Receiver::start().await;
    subscribe("inside", &receiver.url(), json!(["*"]))
        .await
        .expect(201);
    server
        .post("/subscriptions/inside/ping", json!({}))
        .await
        .expect(202);
    let said = eventually("the attempt", async || {
        // The read model may not know it yet.
        let found = server.get("/subscriptions/inside/deliveries").await;
        found.body["items"][0]["last_error"].as_str().map(str::to_owned)
    })
    .await;
    assert!(said.contains("notifications.allow_private"), "{said}");
    assert_eq!(receiver.connections(), 0);
    server.stop().await;
}
