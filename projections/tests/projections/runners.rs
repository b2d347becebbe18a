//! Runners that die, and runners that meet.

use std::sync::Arc;
use std::time::Duration;

use opstella_devservers::relay::Relay;
use opstella_journal::{Journal, JournalOptions};
use opstella_projections::{ProjectionOptions, Projections};
use sqlx::Row;
use sqlx::postgres::PgPoolOptions;

use crate::broken::Tally;
use crate::support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_is_applied_once_however_often_runners_die() {
    let world = Arc::new(world().await);
    let make = || {
        let options = ProjectionOptions {
            batch: 3,
            ..options()
        };
        Projections::new(world.journal.clone(), vec![Tally::new()], options)
    };
    make().prepare().await.unwrap();
    let writer = tokio::spawn({
        let world = world.clone();
        async move {
            for n in 0..300 {
                world.project(&format!("p-{n}")).await;
            }
        }
    });
    let mut seen = 0;
    while !writer.is_finished() {
        let running = start(make());
        until("some progress", || async {
            writer.is_finished() || world.count("SELECT count(*) FROM read.tally_seen").await > seen
        })
        .await;
        // In the middle of whatever it does.
        running.kill();
        seen = world.count("SELECT count(*) FROM read.tally_seen").await;
    }
    writer.await.unwrap();
    let running = start(make());
    running.catch_up(&world.journal).await;
    assert_eq!(
        world.count("SELECT sum(events)::bigint FROM read.tally").await,
        300
    );
    assert_eq!(world.count("SELECT count(*) FROM read.tally_seen").await, 300);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_runners_one_works_and_the_other_takes_over() {
    let world = world().await;
    let make = || Projections::new(world.journal.clone(), vec![Tally::new()], options());
    let (one, two) = (start(make()), start(make()));
    for n in 0..100 {
        world.project(&format!("p-{n}")).await;
    }
    one.catch_up(&world.journal).await;
    two.catch_up(&world.journal).await;
    assert_eq!(
        world.count("SELECT sum(events)::bigint FROM read.tally").await,
        100
    );
    one.stop().await;
    let position = world.project("more").await;
    two.projections.wait_for(&[], position, PATIENCE).await.unwrap();
    assert_eq!(
        world.count("SELECT sum(events)::bigint FROM read.tally").await,
        101
    );
    two.stop().await;
}

/// As when the database fails over behind an address, or a firewall forgets a connection: nobody says that it is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_fell_silent_is_given_up() {
    let world = world().await;
    let direct = (*world.pool.connect_options()).clone();
    let server = (direct.get_host(), direct.get_port());
    let server = tokio::net::lookup_host(server).await.unwrap().next().unwrap();
    let relay = Relay::start(server).await.unwrap();
    let address = relay.address();
    let through = direct.host(&address.ip().to_string()).port(address.port());
    let pool = PgPoolOptions::new()
        .acquire_timeout(Duration::from_secs(1))
        .connect_with(through)
        .await
        .unwrap();
    let journal = Journal::open(pool, JournalOptions::default()).await.unwrap();
    let options = ProjectionOptions {
        patience: Duration::from_millis(500),
        ..options()
    };
    let running = start(Projections::new(journal, vec![Tally::new()], options.clone()));
    // Who waits has connections of its own.
    let waiting = Projections::new(world.journal.clone(), vec![Tally::new()], options);
    for n in 0..2 {
        let position = world.project(&format!("p-{n}")).await;
        waiting.wait_for(&[], position, PATIENCE).await.unwrap();
        relay.fall_silent();
    }
    running.stop().await;
}

#[tokio::test]
async fn a_lost_connection_is_survived() {
    let world = world().await;
    let running = start(Projections::new(
        world.journal.clone(),
        vec![Tally::new()],
        options(),
    ));
    for n in 0..5 {
        let position = world.project(&format!("p-{n}")).await;
        running
            .projections
            .wait_for(&[], position, PATIENCE)
            .await
            .unwrap();
        let ended = sqlx::query(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
             WHERE datname = current_database() AND application_name = 'opstella-projection-tally'",
        )
        .fetch_one(&world.pool)
        .await
        .unwrap();
        assert_eq!(ended.get::<i64, _>(0), 1);
    }
    running.catch_up(&world.journal).await;
    assert_eq!(world.count("SELECT sum(events)::bigint FROM read.tally").await, 5);
    running.stop().await;
}
