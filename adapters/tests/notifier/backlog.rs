//! What waits in the table is bounded; the rest waits in the journal.

use crate::receiver::{Receiver, Reply};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_is_bounded_and_nothing_of_it_is_lost() {
    let mut world = World::new().await;
    world.options.backlog = 5;
    world.options.max_attempts = 100_000;
    let (away, well) = (Receiver::start().await, Receiver::start().await);
    away.usually(Reply::Status(503));
    let process = world.process().await;
    world.subscribe("away", &away.url(), &["Project.*"]).await;
    world.subscribe("well", &well.url(), &["Project.*"]).await;
    let mut sent = Vec::new();
    for number in 0..40 {
        sent.push(world.grant(&format!("member-{number}")).await);
        if number % 10 == 0 {
            world.fed().await;
        }
    }
    well.received(40).await;
    world.fed().await;
    let waiting = world.deliveries("away").await.len();
    assert!(waiting <= 5, "{waiting} wait");
    process.kill();

    // Where it stood outlives the process.
    away.usually(Reply::Status(204));
    let process = world.process().await;
    world.until("away", &["delivered"; 40]).await;
    let mut ids: Vec<_> = away
        .requests()
        .iter()
        .map(|r| r.header("webhook-id").to_owned())
        .collect();
    ids.dedup();
    assert_eq!(ids, sent);
    let well: Vec<_> = well
        .requests()
        .iter()
        .map(|r| r.header("webhook-id").to_owned())
        .collect();
    assert_eq!(well, sent);
    // It goes on with the others.
    world.grant("last").await;
    world.until("away", &["delivered"; 41]).await;
    process.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_long_over_is_removed() {
    let mut world = World::new().await;
    world.options.keep = std::time::Duration::from_millis(1);
    let receiver = Receiver::start().await;
    let process = world.process().await;
    world.subscribe("chat", &receiver.url(), &["Project.*"]).await;
    world.grant("bob").await;
    receiver.received(1).await;
    world.until("chat", &[]).await;
    process.end().await;
}

/// What waits in the journal is judged by what was subscribed to when it happened.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_stands_behind_is_told_of_what_it_wanted_then() {
    let mut world = World::new().await;
    world.options.backlog = 4;
    world.options.max_attempts = 100_000;
    let receiver = Receiver::start().await;
    receiver.usually(Reply::Status(503));
    let process = world.process().await;
    world.subscribe("chat", &receiver.url(), &["Project.*"]).await;
    let mut sent = Vec::new();
    for number in 0..12 {
        sent.push(world.grant(&format!("member-{number}")).await);
        world.fed().await;
    }
    world.change("chat", &receiver.url(), &["Run.RunStuck"]).await;
    world.grant("nobody wants to know").await;
    world.fed().await;
    world.change("chat", &receiver.url(), &["Project.*"]).await;
    sent.push(world.grant("last").await);
    world.fed().await;
    process.kill();

    receiver.usually(Reply::Status(204));
    let process = world.process().await;
    world.until("chat", &["delivered"; 13]).await;
    let all = world.deliveries("chat").await;
    let ids: Vec<_> = all.iter().map(|delivery| delivery.id.clone()).collect();
    assert_eq!(ids, sent);
    process.end().await;
}

/// A read that takes longer than the feed waits between two looks at its backlogs.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_database_is_followed_all_the_same() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    world.subscribe("chat", &receiver.url(), &["Project.*"]).await;
    world.grant("bob").await;
    let slow = "ALTER TABLE events RENAME TO events_at_rest;
        CREATE VIEW events AS SELECT * FROM events_at_rest
            WHERE (SELECT pg_sleep(0.3)::text IS NOT NULL)";
    sqlx::raw_sql(slow).execute(&world.pool).await.unwrap();
    let process = world.process().await;
    receiver.received(1).await;
    process.end().await;
}
