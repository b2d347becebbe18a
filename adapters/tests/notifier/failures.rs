//! Receivers that are away, busy, slow, or say no.

use std::time::{Duration, Instant};

use crate::receiver::{Receiver, Reply};
use crate::world::{World, key};
use opstella_domain::subscription::SubscriptionCommand;

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_fails_twice_gets_everything_in_order() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    receiver.reply([Reply::Status(500), Reply::Status(503)]);
    let process = world.process().await;
    world.subscribe("chat", &receiver.url(), &["Project.*"]).await;
    let (first, second) = (world.grant("bob").await, world.grant("carol").await);
    let all = world.until("chat", &["delivered", "delivered"]).await;
    assert_eq!((all[0].attempts, all[1].attempts), (3, 1));
    assert_eq!(all[0].last_error, None);
    let ids: Vec<_> = receiver
        .requests()
        .iter()
        .map(|r| r.header("webhook-id").to_owned())
        .collect();
    assert_eq!(ids, [first.clone(), first.clone(), first, second]);
    process.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_receiver_is_left_alone_for_as_long_as_it_asks() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    receiver.reply([Reply::Full(429, "retry-after: 1\r\n", String::new())]);
    let process = world.process().await;
    world.subscribe("chat", &receiver.url(), &["Project.*"]).await;
    world.grant("bob").await;
    world.grant("carol").await;
    world.until("chat", &["delivered", "delivered"]).await;
    let requests = receiver.requests();
    assert_eq!(requests.len(), 3);
    let pause = requests[1].at - requests[0].at;
    assert!(pause >= Duration::from_millis(950), "{pause:?}");
    process.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_hangs_is_tried_again_and_delays_no_other() {
    let mut world = World::new().await;
    world.options.timeout = Duration::from_secs(2);
    let (slow, quick) = (Receiver::start().await, Receiver::start().await);
    slow.reply([Reply::Hang]);
    let process = world.process().await;
    world.subscribe("slow", &slow.url(), &["Project.*"]).await;
    world.subscribe("quick", &quick.url(), &["Project.*"]).await;
    world.grant("bob").await;
    slow.received(1).await;
    let started = Instant::now();
    world.grant("carol").await;
    quick.received(2).await;
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(slow.requests().len(), 1);
    let all = world.until("slow", &["delivered", "delivered"]).await;
    assert_eq!((all[0].attempts, all[1].attempts), (2, 1));
    process.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_delivered_is_given_up_and_can_be_replayed() {
    let mut world = World::new().await;
    world.options.max_attempts = 3;
    let receiver = Receiver::start().await;
    receiver.usually(Reply::Status(500));
    let process = world.process().await;
    world.subscribe("chat", &receiver.url(), &["Project.*"]).await;
    let (first, second) = (world.grant("bob").await, world.grant("carol").await);
    let all = world.until("chat", &["dead", "dead"]).await;
    assert_eq!((all[0].id.as_str(), all[1].id.as_str()), (&*first, &*second));
    for delivery in &all {
        assert_eq!((delivery.attempts, delivery.last_status), (3, Some(500)));
        assert!(delivery.last_error.as_ref().unwrap().contains("500"));
        assert!(delivery.ended_at.is_some() && delivery.next_attempt_at.is_none());
    }
    // Those after them are not lost.
    receiver.usually(Reply::Status(204));
    world.grant("dave").await;
    world.until("chat", &["dead", "dead", "delivered"]).await;

    world.replay("chat", Some(&second)).await;
    world.until("chat", &["dead", "delivered", "delivered"]).await;
    world.replay("chat", None).await;
    world
        .until("chat", &["delivered", "delivered", "delivered"])
        .await;
    let last = receiver.requests().pop().unwrap();
    assert_eq!(last.header("webhook-id"), first);
    // What was delivered is not replayed.
    world.replay("chat", None).await;
    world.fed().await;
    world
        .until("chat", &["delivered", "delivered", "delivered"])
        .await;
    assert_eq!(receiver.requests().len(), 9);
    process.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_old_is_given_up() {
    let mut world = World::new().await;
    world.options.max_age = Duration::from_millis(200);
    let receiver = Receiver::start().await;
    receiver.usually(Reply::Status(503));
    let process = world.process().await;
    world.subscribe("chat", &receiver.url(), &["Project.*"]).await;
    for member in ["bob", "carol", "dave"] {
        world.grant(member).await;
    }
    let all = world.until("chat", &["dead", "dead", "dead"]).await;
    for delivery in all {
        assert!(delivery.last_error.unwrap().contains("503"));
    }
    process.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_is_taken_sooner_and_others_go_on() {
    let mut world = World::new().await;
    world.options.max_rejections = 2;
    let receiver = Receiver::start().await;
    let moved = Reply::Full(301, "location: http://127.0.0.1:1/\r\n", String::new());
    receiver.reply([Reply::Status(422), moved]);
    let process = world.process().await;
    world.subscribe("chat", &receiver.url(), &["Project.*"]).await;
    world.grant("bob").await;
    let all = world.until("chat", &["dead"]).await;
    assert_eq!((all[0].attempts, all[0].last_status), (2, Some(301)));
    assert!(
        all[0]
            .last_error
            .as_ref()
            .unwrap()
            .contains("redirects are not followed")
    );
    world.grant("carol").await;
    world.until("chat", &["dead", "delivered"]).await;
    process.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_is_told_no_more() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    receiver.reply([Reply::Status(410)]);
    let process = world.process().await;
    world.subscribe("chat", &receiver.url(), &["Project.*"]).await;
    let first = world.grant("bob").await;
    world.until("chat", &["dead"]).await;
    let state = world.commands.subscription(&key("chat")).await.unwrap();
    assert!(state.disabled.unwrap().contains("410 Gone"));
    world.fed().await;
    world.grant("carol").await;
    world.fed().await;
    world.until("chat", &["dead"]).await;
    assert_eq!(receiver.requests().len(), 1);

    world.enable("chat").await;
    world.send(SubscriptionCommand::Ping { key: key("chat") }).await;
    world.replay("chat", Some(&first)).await;
    world.until("chat", &["delivered", "delivered"]).await;
    process.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_listens_for_a_while() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let url = receiver.url();
    let address = receiver.address;
    drop(receiver);
    let process = world.process().await;
    world.subscribe("chat", &url, &["Project.*"]).await;
    world.grant("bob").await;
    let failed = world
        .eventually(async || {
            let all = world.deliveries("chat").await;
            all.first().and_then(|delivery| delivery.last_error.clone())
        })
        .await;
    assert!(failed.as_ref().unwrap().contains("no connection"), "{failed:?}");
    // Somebody else may have got the port; whoever subscribed then says where the receiver is now.
    let other = Receiver::start().await;
    assert_ne!(other.address, address);
    let settings = opstella_domain::subscription::Settings {
        url: other.url().parse().unwrap(),
        events: ["Project.*".parse().unwrap()].into(),
    };
    let (key, plain_http) = (key("chat"), true);
    world
        .send(SubscriptionCommand::Change {
            key,
            settings,
            plain_http,
        })
        .await;
    world.until("chat", &["delivered"]).await;
    assert_eq!(other.requests().len(), 1);
    process.end().await;
}

/// Somebody subscribed elsewhere while the old address was being asked.
async fn moved_meanwhile(reply: Reply) -> (World, Receiver, Receiver) {
    let mut world = World::new().await;
    world.options.backoff_first = Duration::from_secs(3600);
    world.options.backoff_longest = Duration::from_secs(3600);
    let (old, new) = (Receiver::start().await, Receiver::start().await);
    old.hold(true);
    old.usually(reply);
    let process = world.process().await;
    world.subscribe("chat", &old.url(), &["Project.*"]).await;
    world.grant("bob").await;
    old.received(1).await;
    world.change("chat", &new.url(), &["Project.*"]).await;
    world.fed().await;
    old.hold(false);
    world.until("chat", &["delivered"]).await;
    assert_eq!((old.requests().len(), new.requests().len()), (1, 1));
    process.end().await;
    (world, old, new)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_old_address_says_does_not_switch_the_new_one_off() {
    let (world, ..) = moved_meanwhile(Reply::Status(410)).await;
    let state = world.commands.subscription(&key("chat")).await.unwrap();
    assert_eq!(state.disabled, None);
    let delivery = world.deliveries("chat").await.remove(0);
    assert_eq!((delivery.attempts, delivery.last_status), (1, Some(204)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_new_address_does_not_wait_because_the_old_one_is_away() {
    let (world, ..) = moved_meanwhile(Reply::Status(503)).await;
    let failures = "SELECT failures FROM notification_subscriptions";
    let failures: i32 = sqlx::query_scalar(failures).fetch_one(&world.pool).await.unwrap();
    assert_eq!(failures, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_of_the_old_address_delays_nothing_at_the_new_one() {
    moved_meanwhile(Reply::Status(422)).await;
}

/// What else happened to the subscription is no reason to go on sending to who is gone.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_gone_is_told_no_more_although_its_secret_was_rotated_meanwhile() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    receiver.hold(true);
    receiver.usually(Reply::Status(410));
    let process = world.process().await;
    world.subscribe("chat", &receiver.url(), &["Project.*"]).await;
    world.grant("bob").await;
    receiver.received(1).await;
    let rotate = SubscriptionCommand::RotateSecret {
        key: key("chat"),
        at: chrono::Utc::now(),
        overlap_hours: 1,
    };
    world.send(rotate).await;
    world.fed().await;
    receiver.hold(false);
    world.until("chat", &["dead"]).await;
    let state = world.commands.subscription(&key("chat")).await.unwrap();
    assert!(state.disabled.unwrap().contains("410 Gone"));
    process.end().await;
}

/// Old ones that have much to tell let newer ones have their turn.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_served_last_is_served_first() {
    let mut world = World::new().await;
    world.options.concurrency = 1;
    let (old, new) = (Receiver::start().await, Receiver::start().await);
    world.subscribe("old", &old.url(), &["Project.*"]).await;
    world.subscribe("new", &new.url(), &["Project.*"]).await;
    for number in 0..10 {
        world.grant(&format!("member-{number}")).await;
    }
    let process = world.process().await;
    let (old, new) = (old.received(10).await, new.received(10).await);
    let before = old.iter().filter(|request| request.at < new[0].at).count();
    assert!(before <= 2, "{before} came before the first of the newer one");
    let turns = new.iter().filter(|request| request.at < old[9].at).count();
    assert!(
        turns >= 8,
        "{turns} of the newer one came before the last of the older one"
    );
    process.end().await;
}
