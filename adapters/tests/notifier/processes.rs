//! Processes that die, that stop, and that are two.

use std::time::{Duration, Instant};

use crate::receiver::{Receiver, Reply};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_process_was_sending_the_next_one_sends() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    receiver.reply([Reply::Hang]);
    let process = world.process().await;
    world.subscribe("chat", &receiver.url(), &["Project.*"]).await;
    let first = world.grant("bob").await;
    receiver.received(1).await;
    process.kill();
    let second = world.grant("carol").await;

    let process = world.process().await;
    world.until("chat", &["delivered", "delivered"]).await;
    let ids: Vec<_> = receiver
        .requests()
        .iter()
        .map(|r| r.header("webhook-id").to_owned())
        .collect();
    assert_eq!(ids, [first.clone(), first, second]);
    process.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_deliver_once() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let (one, other) = (world.process().await, world.process().await);
    world.subscribe("chat", &receiver.url(), &["Project.*"]).await;
    let mut sent = Vec::new();
    for number in 0..20 {
        sent.push(world.grant(&format!("member-{number}")).await);
    }
    world.until("chat", &["delivered"; 20]).await;
    one.end().await;
    sent.push(world.grant("last").await);
    world.until("chat", &["delivered"; 21]).await;
    let ids: Vec<_> = receiver
        .requests()
        .iter()
        .map(|r| r.header("webhook-id").to_owned())
        .collect();
    assert_eq!(ids, sent);
    other.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_stops_although_a_receiver_hangs() {
    let mut world = World::new().await;
    world.options.drain = Duration::from_millis(100);
    let receiver = Receiver::start().await;
    receiver.reply([Reply::Hang]);
    let process = world.process().await;
    world.subscribe("chat", &receiver.url(), &["Project.*"]).await;
    world.grant("bob").await;
    receiver.received(1).await;
    let started = Instant::now();
    process.end().await;
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
    world.until("chat", &["waiting"]).await;
    let process = world.process().await;
    world.until("chat", &["delivered"]).await;
    process.end().await;
}
