//! Subscriptions that are switched off, pinged and deleted.

use opstella_domain::subscription::SubscriptionCommand;

use crate::receiver::Receiver;
use crate::world::{World, key};

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_one_is_told_of_nothing_and_later_only_of_what_comes() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let process = world.process().await;
    world.subscribe("chat", &receiver.url(), &["Project.*"]).await;
    world.disable("chat").await;
    world.grant("bob").await;
    world.fed().await;
    world.enable("chat").await;
    let id = world.grant("carol").await;
    let request = receiver.received(1).await.remove(0);
    assert_eq!(request.header("webhook-id"), id);
    process.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_comes_whatever_was_subscribed_to() {
    let world = World::new().await;
    let (receiver, other) = (Receiver::start().await, Receiver::start().await);
    let process = world.process().await;
    world.subscribe("chat", &receiver.url(), &["Run.RunStuck"]).await;
    world.subscribe("other", &other.url(), &["Run.RunStuck"]).await;
    let id = world.send(SubscriptionCommand::Ping { key: key("chat") }).await;
    let request = receiver.received(1).await.remove(0);
    assert_eq!(request.header("webhook-id"), id);
    assert_eq!(request.event_type(), "opstella.Subscription.SubscriptionPinged");
    world.until("chat", &["delivered"]).await;
    assert_eq!(other.requests().len(), 0);
    process.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_subscription_goes_all_that_waited_for_it() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    receiver.usually(crate::receiver::Reply::Status(503));
    let process = world.process().await;
    world.subscribe("chat", &receiver.url(), &["Project.*"]).await;
    world.grant("bob").await;
    receiver.received(1).await;
    world.send(SubscriptionCommand::Delete { key: key("chat") }).await;
    world.until("chat", &[]).await;
    world.grant("carol").await;
    world.fed().await;
    receiver.usually(crate::receiver::Reply::Status(204));
    // A name that is free again begins anew.
    world.subscribe("chat", &receiver.url(), &["Project.*"]).await;
    let id = world.grant("dave").await;
    let all = world.until("chat", &["delivered"]).await;
    assert_eq!(all[0].id, id);
    process.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_made_anew_while_nobody_followed_begins_anew() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let process = world.process().await;
    world.subscribe("chat", &receiver.url(), &["*"]).await;
    world.grant("ann").await;
    world.until("chat", &["delivered"]).await;
    process.end().await;
    world.send(SubscriptionCommand::Delete { key: key("chat") }).await;
    let between = world.grant("bob").await;
    world.subscribe("chat", &receiver.url(), &["*"]).await;
    let after = world.grant("carol").await;
    let process = world.process().await;
    world.fed().await;
    let all = world.until("chat", &["delivered"]).await;
    assert_eq!(all[0].id, after, "and not {between}");
    process.end().await;
}

/// Somebody wants to know whether the receiver is there again, now and not in an hour.
#[tokio::test(flavor = "multi_thread")]
async fn a_ping_ends_the_pause_and_comes_first() {
    let mut world = World::new().await;
    world.options.backoff_first = std::time::Duration::from_secs(3600);
    world.options.backoff_longest = std::time::Duration::from_secs(3600);
    let receiver = Receiver::start().await;
    receiver.reply([crate::receiver::Reply::Status(503)]);
    world.subscribe("chat", &receiver.url(), &["Project.*"]).await;
    let (first, second) = (world.grant("bob").await, world.grant("carol").await);
    let process = world.process().await;
    receiver.received(1).await;
    let paused = async || {
        let sql = "SELECT failures FROM notification_subscriptions";
        let failures: i32 = sqlx::query_scalar(sql).fetch_one(&world.pool).await.unwrap();
        (failures > 0).then_some(())
    };
    world.eventually(paused).await.unwrap();
    let ping = world.send(SubscriptionCommand::Ping { key: key("chat") }).await;
    // The receiver is well: what waited follows, in order.
    let requests = receiver.received(4).await;
    let ids: Vec<_> = requests.iter().map(|r| r.header("webhook-id")).collect();
    assert_eq!(ids, [&first, &ping, &first, &second]);
    process.end().await;
}
