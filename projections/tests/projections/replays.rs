//! The past.

use std::time::Duration;

use opstella_projections::queries::*;
use opstella_projections::{ProjectionError, ProjectionOptions, Projections};
use sqlx::Row;

use crate::support::*;

#[tokio::test]
async fn a_read_model_is_shown_as_of_an_instant() {
    let world = world().await;
    world.project("payments").await;
    let run = world.create("payments/checkout").await;
    let asked = sqlx::query("SELECT clock_timestamp()")
        .fetch_one(&world.pool)
        .await
        .unwrap()
        .get(0);
    world.succeed("payments/checkout", run).await;
    let made = sqlx::query("SELECT clock_timestamp()")
        .fetch_one(&world.pool)
        .await
        .unwrap()
        .get(0);
    let removal = world.decommission("payments/checkout").await;
    world.succeed("payments/checkout", removal).await;
    let running = start(world.projections());
    running.catch_up(&world.journal).await;
    let names = ["catalog", "runs", "resources", "audit"];

    let past = running.projections.replay_as_of(&names, asked).await.unwrap();
    let queries = past.queries();
    let service = queries.service("payments", "checkout").await.unwrap().unwrap();
    assert_eq!(
        (service.service.lifecycle.as_str(), service.resources.len()),
        ("provisioning", 0)
    );
    assert_eq!(queries.run(run.0).await.unwrap().unwrap().run.status, "running");
    let log = queries
        .audit_events(
            &AuditFilter::default(),
            &Reader::Everything,
            &PageRequest::first(200),
        )
        .await
        .unwrap();
    assert_eq!(log.items.len() as u64, past.events);
    assert_eq!(log.items[0].position, past.position.to_string());
    drop(past);

    let past = running.projections.replay_as_of(&names, made).await.unwrap();
    let service = past
        .queries()
        .service("payments", "checkout")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(service.service.lifecycle, "active");
    assert!(!service.resources.is_empty());
    assert!(past.queries().run(removal.0).await.unwrap().is_none());
    let now = world
        .queries()
        .service("payments", "checkout")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (now.service.lifecycle.as_str(), now.resources.len()),
        ("decommissioned", 0)
    );

    // As of now, it is what there is.
    drop(past);
    let now = running
        .projections
        .replay_as_of(&names, chrono::Utc::now())
        .await
        .unwrap();
    let live = world.queries().run(run.0).await.unwrap();
    assert_eq!(now.queries().run(run.0).await.unwrap(), live);
    drop(now);
    let left = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                AND application_name = 'opstella-replay'";
    until("no connection stays", || async { world.count(left).await == 0 }).await;
    running.stop().await;
}

#[tokio::test]
async fn one_replay_at_a_time_and_not_for_ever() {
    let world = world().await;
    world.project("one").await;
    let options = ProjectionOptions {
        replay_timeout: Duration::from_secs(5),
        ..options()
    };
    let projections = Projections::standard(world.journal.clone(), options);
    let first = projections
        .replay_as_of(&["catalog"], chrono::Utc::now())
        .await
        .unwrap();
    let second = projections.replay_as_of(&["catalog"], chrono::Utc::now()).await;
    assert!(matches!(second, Err(ProjectionError::ReplayTooLong { .. })));
    drop(first);
    projections
        .replay_as_of(&["catalog"], chrono::Utc::now())
        .await
        .unwrap();
}
