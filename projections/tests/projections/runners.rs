//! Runners that die, and runners that meet.

use std::sync::Arc;

use opstella_projections::Projections;
use sqlx::Row;

use crate::broken::Tally;
use crate::support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_is_applied_once_however_often_runners_die() {
    let world = Arc::new(world().await);
    let make = || {
        let options = opstella_projections::ProjectionOptions {
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
